import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nnlens_embedding.linear import axes_for_share, components_for, lanczos, principal_axes, project
from nnlens_embedding.pca import PCA
from nnlens_embedding.rows import Rows
from sklearn.decomposition import PCA as Oracle


def rng():
    return np.random.default_rng(0)


def same_directions(ours, theirs, tolerance=1e-4):
    return np.abs(np.abs(np.sum(ours * theirs, axis=1)) - 1).max() < tolerance


@pytest.mark.parametrize("shape", [(300, 20), (40, 200), (25, 25)])
def test_agrees_with_scikit_learn(vectors, shape):
    values = np.random.default_rng(1).normal(size=shape) * np.linspace(3, 1, shape[1]) + 50
    rows = Rows(vectors(values)["embedding"])
    basis = principal_axes(rows, 6, rng())
    oracle = Oracle(6, svd_solver="full").fit(values)
    assert same_directions(basis.axes, oracle.components_)
    assert np.allclose(basis.variance, oracle.explained_variance_, rtol=1e-4)
    assert np.allclose(basis.ratio, oracle.explained_variance_ratio_, rtol=1e-4)
    assert np.allclose(np.abs(project(rows, basis)), np.abs(oracle.transform(values)), atol=2e-3)


def test_lanczos_finds_the_same_directions(vectors):
    values = np.random.default_rng(1).normal(size=(900, 120)) * 0.9 ** np.arange(120)
    rows = Rows(vectors(values)["embedding"])
    basis = lanczos(rows, 5, rng())
    oracle = Oracle(5, svd_solver="full").fit(values)
    assert same_directions(basis.axes, oracle.components_, 1e-3)
    assert np.allclose(basis.ratio, oracle.explained_variance_ratio_, rtol=1e-4)


def test_streaming_gives_the_same_as_memory(vectors, monkeypatch):
    monkeypatch.setattr("nnlens_embedding.rows.BLOCK_BYTES", 4000)
    values = np.random.default_rng(1).normal(size=(200, 30))
    kept, streamed = (Rows(vectors(values)["embedding"], memory=memory) for memory in (1 << 30, 0))
    one, other = (principal_axes(rows, 3, rng()) for rows in (kept, streamed))
    assert np.allclose(one.axes, other.axes, atol=1e-6)
    assert np.allclose(project(kept, one), project(streamed, other), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12), st.floats(0.1, 0.999))
def test_share_is_kept_by_the_fewest_components(variances, share):
    ratio = np.sort(variances)[::-1] / np.sum(variances)
    k = components_for(ratio, share)
    assert ratio[:k].sum() >= share - 1e-8
    assert k == 1 or ratio[: k - 1].sum() < share


@pytest.mark.parametrize("exact", [True, False])
def test_ninety_percent_is_the_smallest_number_that_reaches_it(vectors, monkeypatch, exact):
    if not exact:
        monkeypatch.setattr("nnlens_embedding.linear.EXACT_SPECTRUM", 0)
    values = np.random.default_rng(1).normal(size=(2000, 300)) * 0.93 ** np.arange(300)
    basis = axes_for_share(Rows(vectors(values)["embedding"]), 0.9, rng())
    oracle = np.cumsum(Oracle(svd_solver="full").fit(values).explained_variance_ratio_)
    assert len(basis.axes) == int(np.argmax(oracle >= 0.9)) + 1
    assert abs(basis.ratio.sum() - oracle[len(basis.axes) - 1]) < 2e-3


def test_an_offset_that_all_share_costs_no_digits(vectors):
    values = np.random.default_rng(1).normal(size=(500, 10)) * np.linspace(2, 1, 10)
    near, far = (
        principal_axes(Rows(vectors(each)["embedding"]), 4, rng()) for each in (values, values + 3000)
    )
    assert np.allclose(near.variance, far.variance, rtol=2e-3)


def test_result_holds_map_shares_and_caption(vectors, told):
    values = np.random.default_rng(1).normal(size=(50, 5))
    values[3] = np.nan
    result = PCA(components=3).compute(vectors(values), told())
    assert result["projection"].dims == ("sample", "component")
    assert result["projection"].shape == (49, 3)
    assert 16 not in result["sample"].values
    assert result.attrs["caption"].endswith("% of the variance · 49 samples · 1 left out")
    assert np.allclose(
        result["projection"].var("sample", ddof=1), sorted(result["projection"].var("sample", ddof=1))[::-1]
    )


def test_directions_that_do_not_exist_are_zero(vectors, told):
    result = PCA().compute(vectors(np.arange(8.0)[:, None]), told())
    assert result["projection"].shape == (8, 2)
    assert np.allclose(result["projection"][:, 1], 0)
    assert np.allclose(result["explained_variance_ratio"], [1, 0])


def test_signs_do_not_depend_on_the_order_of_samples(vectors, told):
    values = np.random.default_rng(1).normal(size=(60, 6))
    one = PCA().compute(vectors(values), told())["projection"].values
    other = PCA().compute(vectors(values[::-1]), told())["projection"].values
    assert np.allclose(one, other[::-1], atol=1e-4)
