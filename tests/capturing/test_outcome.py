"""Prediction, loss and pooling against slow and independent rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp

from nnlens.capturing.outcome import Outcome, predict_and_score
from nnlens.models.pooling import pool

logits = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(width=32))


@given(logits, st.integers(0, 100))
def test_each_sample_by_the_rule(values, seed):
    labels = np.random.default_rng(seed).integers(-1, 7, len(values))
    prediction, loss = predict_and_score(values, labels)
    for row, label, predicted, lost in zip(values.astype(float), labels, prediction, loss, strict=True):
        if np.isnan(row).any() or row.max() in (np.inf, -np.inf):
            assert predicted == -1
            assert np.isnan(lost)
            continue
        assert row[predicted] == row.max()
        if 0 <= label < len(row):
            np.testing.assert_allclose(lost, np.float32(logsumexp(row) - row[label]), rtol=1e-6, atol=1e-6)
        else:
            assert np.isnan(lost)


def test_huge_logits_do_not_overflow():
    prediction, loss = predict_and_score(np.array([[1e30, -1e30, 0]], np.float32), np.array([0]))
    assert (prediction[0], loss[0]) == (0, 0)


def test_counts():
    outcome = Outcome()
    outcome.add(np.array([0, 1, -1, 9, 2]), np.array([0, 2, 1, 0, -1]), 3)
    assert (outcome.labelled, outcome.correct, outcome.invalid, outcome.unfit) == (3, 1, 1, 1)
    assert outcome.accuracy == pytest.approx(1 / 3)
    assert Outcome().accuracy is None


@pytest.mark.parametrize(
    ("correct", "labelled", "classes", "expected"),
    [
        (10, 100, 10, True),
        (25, 100, 10, False),
        (52, 100, 2, True),
        (60, 100, 2, False),
        (0, 10, 10, False),
        (9, 90, 1, False),
    ],
)
def test_near_chance(correct, labelled, classes, expected):
    assert Outcome(labelled, correct).near_chance(classes) is expected


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (1, 1, 1, 1), (2, 7, 1, 9), (2, 1, 6, 6), (5, 64, 2, 1)])
def test_pooling_is_the_mean(shape, channels_last):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    if channels_last:
        values = np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(pool(values), values.astype(float).mean((2, 3)), rtol=1e-5, atol=1e-6)
