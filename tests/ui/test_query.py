"""What is nearest in a search space, against a sort of all distances; what a browser may send as a picture."""

import base64

import numpy as np
import pytest

from nnlens.errors import SamplesError
from nnlens.lens.outside import LARGEST_FILE
from nnlens.ui.query.drop import ImageDrop
from nnlens.ui.query.nearest import nearest


@pytest.mark.parametrize("metric", ["L2", "cosine"])
def test_the_nearest_are_those_of_a_sort(metric):
    rng = np.random.default_rng(0)
    vectors = np.round(rng.normal(size=(500, 6)), 1).astype(np.float32)
    vectors[40:60] = vectors[3]  # equally near ones come in the order of the rows
    vectors[70] = 0
    for place in (vectors[3], rng.normal(size=6)):
        rows, away = nearest(vectors, place, 25, metric)
        x, q = vectors.astype(float), np.asarray(place, float)
        expected = np.linalg.norm(x - q, axis=1)
        if metric == "cosine":
            lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(q)
            expected = 1 - (x @ q) / np.where(lengths > 0, lengths, 1)
        assert np.allclose(away, np.sort(expected)[:25], atol=1e-9)
        assert (np.diff(away) >= 0).all()
        assert np.allclose(expected[rows], away, atol=1e-9)
    rows, _ = nearest(vectors, vectors[3], 5, metric)
    assert rows.tolist() == [3, 40, 41, 42, 43]
    assert len(nearest(vectors[:3], vectors[3], 5, metric)[0]) == 3
    assert not len(nearest(vectors[:0], vectors[3], 5, metric)[0])


def test_what_a_browser_sends_is_checked():
    taken = []
    drop = ImageDrop(lambda name, content: taken.append((name, content)), lambda function: function)
    drop._take({"name": "a.png", "size": 3, "data": base64.b64encode(b"abc").decode()})
    drop._take("nonsense")
    assert taken == [("a.png", b"abc")]
    large = base64.b64encode(b"x" * (LARGEST_FILE + 10)).decode()
    for sent, words in (
        ({"name": "a", "size": 3, "data": large}, "at most 8 MB"),
        ({"name": "a", "size": 16_000_000}, "has 16.0 MB"),
        ({"name": "a", "size": 3, "data": "%%%"}, "did not arrive whole"),
        ({"name": "a", "size": 0, "data": ""}, "is empty"),
        ({"name": "a", "size": "x", "data": 7}, "at most 8 MB"),
    ):
        with pytest.raises(SamplesError, match=words):
            drop._take(sent)
    assert len(taken) == 1
