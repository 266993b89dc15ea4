import subprocess
import sys

import numba
import numpy as np
import pytest
from nnlens_embedding.quality import Quality
from nnlens_embedding.umap import UMAP, load_umap, with_self

from nnlens.errors import AnalysisError


def test_importing_loads_neither_tensorflow_nor_torch_nor_warns():
    code = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "from nnlens_embedding.umap import load_umap; load_umap()\n"
        "print([name for name in ('tensorflow', 'torch', 'umap.parametric_umap') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_what_was_imported_before_is_put_back(monkeypatch):
    marker = object()
    monkeypatch.setitem(sys.modules, "umap.parametric_umap", marker)
    load_umap()
    assert sys.modules["umap.parametric_umap"] is marker


def test_gives_umap_the_sample_itself_first(vectors, with_graph, groups):
    from nnlens_embedding.inputs import neighborhoods

    graph = neighborhoods(with_graph(vectors(groups[0]), 14))
    position, distance, _ = with_self(graph, 8)
    assert position.shape == distance.shape == (600, 8)
    assert position[:, 0].tolist() == list(range(600))
    assert not distance[:, 0].any()
    assert np.array_equal(position[:, 1:], graph.position[:, :7])


@pytest.mark.slow
def test_keeps_groups_together_and_repeats(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0], label=groups[1]), 14)
    result = UMAP().compute(data, told())
    again = UMAP().compute(data, told())
    assert result["projection"].equals(again["projection"])
    scores = Quality().compute(data.assign(projection=result["projection"]), told())
    assert scores["accuracy_2d"] > 0.98
    assert scores["trustworthiness"] > 0.9
    assert (
        result.attrs["caption"] == "15 neighbors · minimum distance 0.1 · 12 units · 600 samples · 0 left out"
    )


@pytest.mark.slow
def test_as_good_as_plain_umap(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0], label=groups[1]), 14)
    plain = load_umap().UMAP(random_state=0, n_jobs=1).fit_transform(groups[0])
    kept = []
    for positions in (UMAP().compute(data, told())["projection"].values, plain):
        kept.append(Quality().compute(data.assign(projection=(("sample", "component"), positions)), told()))
    assert kept[0]["kept_neighbors"] > kept[1]["kept_neighbors"] - 0.03
    assert kept[0]["trustworthiness"] > kept[1]["trustworthiness"] - 0.02


@pytest.mark.slow
def test_without_a_seed_it_says_that_it_is_not_reproducible(vectors, with_graph, told, groups, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("numba has one thread here")
    result = UMAP(epochs=20).compute(with_graph(vectors(groups[0]), 14), told(seed=None))
    assert "2 threads, not reproducible" in result.attrs["caption"]


def test_it_asks_numba_for_no_more_threads_than_it_has(vectors, with_graph, told, groups, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    result = UMAP(epochs=20).compute(with_graph(vectors(groups[0]), 14), told(seed=None))
    assert result.attrs["threads"] <= numba.config.NUMBA_NUM_THREADS


def test_two_samples_and_a_constant_layer(vectors, with_graph, told):
    result = UMAP().compute(with_graph(vectors(np.eye(2))), told())
    assert np.isfinite(result["projection"]).all()
    assert "too few samples" in result.attrs["caption"]
    with pytest.raises(AnalysisError, match="same values"):
        UMAP().compute(with_graph(vectors(np.ones((30, 3)))), told())


@pytest.mark.slow
def test_a_map_in_space_has_three_components(vectors, with_graph, told, groups):
    data = with_graph(vectors(groups[0], label=groups[1]), 14)
    result = UMAP(dimensions=3, epochs=60).compute(data, told())
    assert result["projection"].shape == (600, 3)
    scores = Quality().compute(data.assign(projection=result["projection"]), told())
    assert scores["accuracy_2d"] > 0.98
