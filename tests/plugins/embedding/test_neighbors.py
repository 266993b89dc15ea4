import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nnlens_embedding.knn import nearest
from nnlens_embedding.neighbors import Neighbors


def naive(values, k):
    """The k nearest others by true distance, then position."""
    values = values.astype(np.float64)
    distance = np.sqrt(((values[:, None] - values[None]) ** 2).sum(-1))
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distance, order, 1)


def test_agrees_with_the_naive_search(groups):
    values = (groups[0] - groups[0].mean(0)).astype(np.float32)
    graph = nearest(values, 12)
    position, distance = naive(values, 12)
    assert np.allclose(graph.distance, distance, rtol=1e-5)
    assert (graph.position == position).mean() > 0.999  # float32 may swap two that are equally near


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(2, 25), st.integers(1, 4)), elements=st.integers(-3, 3)),
    st.integers(1, 30),
)
def test_never_itself_never_twice_and_never_a_nearer_one_missed(values, k):
    graph = nearest(values, k)
    used = min(k, len(values) - 1)
    assert graph.position.shape == (len(values), used)
    for row, (position, distance) in enumerate(zip(graph.position, graph.distance, strict=True)):
        assert row not in position
        assert len(set(position)) == used
        assert (np.diff(distance) >= 0).all()
    assert np.allclose(graph.distance, naive(values, used)[1], atol=1e-5)


def test_of_many_equal_samples_each_finds_others():
    graph = nearest(np.repeat(np.eye(3, dtype=np.float32), 200, axis=0), 10)
    assert (graph.distance == 0).all()
    assert (graph.position != np.arange(600)[:, None]).all()


def test_near_duplicates_far_from_the_origin_have_their_true_distance(vectors, told):
    values = np.full((30, 8), 500.0)
    values[:, 0] += np.arange(30) * 1e-3
    result = Neighbors(k=1, components=0).compute(vectors(values), told())
    assert np.allclose(result["distance"], 1e-3, rtol=0.05)  # 500.001 itself is off by 3 % in float32


def test_speaks_in_ids(vectors, told):
    values = np.array([[0.0], [10], [1], [np.nan], [11]])
    result = Neighbors(k=1).compute(vectors(values), told())
    assert result["sample"].values.tolist() == [7, 10, 13, 19]
    assert result["neighbor"].values[:, 0].tolist() == [13, 19, 7, 10]
    assert result["neighbor"].dtype == np.int64
    assert "1 left out" in result.attrs["caption"]


def test_the_same_twice_and_for_any_number_of_threads(groups, monkeypatch):
    values = groups[0].astype(np.float32)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = nearest(values, 9)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    other = nearest(values, 9)
    assert np.array_equal(one.position, other.position)
    assert np.array_equal(one.distance, other.distance)


def test_fewer_samples_than_neighbors_are_clamped_and_said(vectors, told):
    result = Neighbors(k=15).compute(vectors(np.eye(5)), told())
    assert result["neighbor"].shape == (5, 4)
    assert result.attrs["caption"].startswith("4 neighbors")


def test_distances_of_the_first_components(vectors, told, groups):
    result = Neighbors(k=5, components=3).compute(vectors(groups[0]), told())
    centered = groups[0] - groups[0].mean(0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:3]
    assert np.allclose(result["distance"], naive(centered @ axes.T, 5)[1], rtol=1e-3, atol=1e-4)
    assert "PCA 3" in result.attrs["caption"]


def test_approximate_search_tells_its_recall(vectors, told, groups):
    result = Neighbors(k=5, method="approximate").compute(vectors(groups[0]), told())
    exact = naive((groups[0] - groups[0].mean(0)).astype(np.float32), 5)[0] * 3 + 7
    hits = np.mean(
        [len(np.intersect1d(a, b)) / 5 for a, b in zip(result["neighbor"].values, exact, strict=True)]
    )
    assert hits > 0.9
    assert result.attrs["recall"] == pytest.approx(hits, abs=0.05)


def test_leaves_when_cancelled(vectors, told, groups):
    from nnlens.errors import JobCancelledError

    with pytest.raises(JobCancelledError):
        Neighbors().compute(vectors(groups[0]), told(cancel_after=1))
