"""Class separation against scikit-learn's own vote, each sample left out of its neighbors."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from nnlens.errors import AnalysisError
from nnlens.lens import Lens
from nnlens.testing import tiny_store


@pytest.fixture
def lens(tmp_path):
    return Lens(tiny_store(tmp_path / "run", 90, seed=3))


def naive(vectors, labels, k):
    """The most frequent label of the k nearest others; of equally frequent ones the smallest."""
    near = NearestNeighbors(n_neighbors=k + 1).fit(vectors).kneighbors(vectors)[1][:, 1:]
    return np.mean([np.bincount(labels[row]).argmax() == own for row, own in zip(near, labels, strict=True)])


@pytest.mark.parametrize("layer", ["fc1", "relu2", "fc2"])
@pytest.mark.parametrize("k", [1, 5])
def test_it_is_the_vote_of_the_nearest(lens, layer, k):
    result = lens.run("class-separation", layer=layer, k=k)
    labels = lens.store.samples["label"].values.astype(int)
    expected = naive(lens.store.activation(layer).values, labels, k)
    assert float(result["separation"]) == pytest.approx(expected, abs=1 / 90)
    assert result.attrs["k"] == k
    assert "90 samples" in result.attrs["caption"]


def test_the_graph_is_the_one_that_maps_are_made_from(lens):
    lens.run("tsne", layer="fc1", perplexity=10, iterations=250)
    before = {info.analysis for info in lens.results()}
    lens.run("class-separation", layer="fc1")
    after = [info.analysis for info in lens.results()]
    assert {*after} - before == {"nnlens-embedding:class-separation"}
    assert after.count("nnlens-embedding:neighbors") == 1


def test_without_labels_there_is_nothing_to_tell_apart(lens, monkeypatch):
    lens.store.samples["label"][:] = -1
    with pytest.raises(AnalysisError, match="No sample has a label"):
        lens.run("class-separation", layer="fc1")
