"""The record of a sample and the order of the worst, against rules written again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from nnlens.ui.core import record as records
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk


def made_up(seed=0, n=40, classes=12, unlabelled=3, invalid=2):
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=(n, classes)).astype("f4") * 3
    logit[:invalid, 0] = np.nan
    label = rng.integers(0, classes, n).astype(np.int32)
    label[-unlabelled:] = -1
    prediction = np.where(np.isfinite(logit).all(1), np.nan_to_num(logit).argmax(1), -1).astype(np.int32)
    loss = rng.exponential(size=n).astype("f4")
    loss[:invalid] = np.nan
    ids = np.sort(rng.choice(1000, n, replace=False)).astype(np.int64)
    names = tuple(f"<b>{c}</b>" for c in range(classes))
    images = lambda wanted: np.zeros((len(wanted), 4, 4, 1), np.uint8)  # noqa: E731
    return RunData(ids, label, prediction, loss, names, images, logit, name="run")


@pytest.fixture
def session():
    return Session(None, data=made_up())


def test_record_follows_from_the_logits(session):
    data = session.data
    for position, sample in enumerate(data.ids):
        found = records.read(session, int(sample))
        assert found.position == position
        if not np.isfinite(data.logit[position]).all():
            assert found.probability is None and np.isnan(found.margin) and found.best == []
            continue
        chances = softmax(data.logit[position].astype(float))
        np.testing.assert_allclose(found.probability, chances)
        assert found.best == sorted(range(12), key=lambda c: -chances[c])[:10]
        assert found.rank == 1 + sum(other > data.loss[position] for other in data.loss)
        if data.label[position] >= 0:
            others = [chance for c, chance in enumerate(chances) if c != data.label[position]]
            assert found.margin == pytest.approx(chances[data.label[position]] - max(others))
            assert found.correct == (data.label[position] == data.prediction[position])
        else:
            assert found.correct is None and np.isnan(found.margin)
    assert records.read(session, None) is None and records.read(session, -5) is None


def test_json_is_json_also_without_numbers(session):
    session.data.extras["score"] = np.full(len(session.data), np.nan, "f4")
    for sample in session.data.ids:
        found = records.read(session, int(sample))
        read = json.loads(records.to_json(session, found, {"a map": [1.0, float("nan")]}))
        assert read["id"] == sample and read["places"]["a map"] == [1.0, None] and read["score"] is None
        assert read["label"] is None or read["label"].startswith("<b>")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_worst_come_first(seed, chosen):
    session = Session(None, data=made_up(seed))
    data, walk = session.data, Walk(session)
    mask = np.random.default_rng(seed).random(len(data)) < 0.4 if chosen else None
    expected = [p for p in range(len(data)) if mask is None or mask[p]]
    expected.sort(key=lambda p: (-(data.loss[p] if np.isfinite(data.loss[p]) else -np.inf), p))
    assert walk.worst(mask).tolist() == expected
    assert walk.worst(mask, 5).tolist() == expected[:5]


def test_j_and_k_walk_the_wrong_ones_and_come_around(session):
    walk, data = Walk(session), session.data
    wrong = [p for p in walk.worst(None) if data.label[p] >= 0 and data.label[p] != data.prediction[p]]
    assert walk.stops().tolist() == wrong and walk.place() == (0, len(wrong))
    for expected in [*wrong, wrong[0]]:
        walk.step(1)
        assert session.state.focus == data.ids[expected]
    walk.step(-1)
    assert session.state.focus == data.ids[wrong[-1]] and walk.place() == (len(wrong), len(wrong))


def test_where_nothing_is_wrong_the_whole_selection_is_walked(session):
    walk, right = Walk(session), session.data.correct
    if not right.any():
        right = session.data.label >= 0
    session.state.select(right)
    assert set(walk.stops()) == set(np.flatnonzero(right))


def test_an_empty_selection_is_no_dead_end(session):
    walk = Walk(session)
    session.state.select(np.zeros(len(session.data), bool))
    walk.step(1)
    assert session.state.focus is not None
