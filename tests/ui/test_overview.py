"""The numbers behind histogram and matrix, against numpy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.panels.crossing import MOST, Confusion
from nnlens.ui.panels.histogram import BINS, Bins, LossHistogram
from nnlens.ui.panels.matrix import ConfusionMatrix
from nnlens.ui.panels.mosaic import CELL, mosaic

BRIGHT = 250


def run(label, prediction, loss=None, channels=1, pixel=None):
    n = len(label)

    def images(ids):
        values = np.asarray(ids) % 200 if pixel is None else np.full(len(ids), pixel)
        return np.broadcast_to(values[:, None, None, None], (len(ids), 8, 8, channels)).astype(np.uint8)

    return RunData(
        ids=np.arange(n, dtype=np.int64) * 2 + 1,
        label=np.asarray(label, np.int32),
        prediction=np.asarray(prediction, np.int32),
        loss=np.asarray(np.ones(n) if loss is None else loss, np.float32),
        class_names=tuple(f"class {i}" for i in range(60)),
        images=images,
    )


codes = st.integers(-1, 8)


@settings(deadline=None)
@given(st.lists(st.tuples(codes, codes, st.booleans()), min_size=1, max_size=80))
def test_cells_count_as_scikit_learn_does(rows):
    label, prediction, chosen = (np.array(column) for column in zip(*rows, strict=True))
    confusion = Confusion.of(run(label, prediction))
    names = [group[0] for group in confusion.rows]
    across = [group[0] for group in confusion.columns]
    both = sorted({*names, *across})
    for mask, counts in ((np.ones(len(label), bool), confusion.counts), (chosen, confusion.count(chosen))):
        expected = np.zeros((len(both), len(both)), int)
        if mask.any():
            expected = confusion_matrix(label[mask], prediction[mask], labels=[*both, 99])
        kept = expected[np.ix_([both.index(n) for n in names], [both.index(n) for n in across])]
        np.testing.assert_array_equal(counts, kept)
    assert not confusion.count(None).any()
    for name, error in zip(names, confusion.error, strict=True):
        own = label == name
        assert error == pytest.approx((prediction[own] != name).mean() if name >= 0 else np.nan, nan_ok=True)
    assert (-1 in across) == (prediction == -1).any(), "a column is for what is predicted"
    if -1 in names:
        assert not confusion.shade()[names.index(-1)].any(), "nothing unlabelled is a mistake"


def test_many_classes_share_the_last_place_but_those_with_most_mistakes_do_not():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 50, 4_000)
    prediction = np.where((label < 12) & (rng.random(4_000) < 0.5), rng.integers(0, 12, 4_000), label)
    confusion = Confusion.of(run(label, prediction))
    assert confusion.counts.shape == (MOST, MOST) and confusion.counts.sum() == 4_000
    assert {group[0] for group in confusion.rows[:-1]} >= set(range(12))
    assert len(confusion.rows[-1]) == 50 - MOST + 1


def test_columns_keep_the_labels_that_have_rows():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 10, 500)
    prediction = np.where(
        rng.random(500) < 0.5, label, rng.integers(0, 60, 500)
    )  # of 60 outputs, 10 are labels
    confusion = Confusion.of(run(label, prediction))
    assert [group[0] for group in confusion.rows] == list(range(10))
    assert {group[0] for group in confusion.columns[:-1]} >= set(range(10)) and len(confusion.columns) == MOST


def test_a_cell_shows_its_worst_mistake_and_faintly_the_mean_of_the_right():
    label, prediction = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1])
    data = run(label, prediction, loss=[0.1, 0.2, 3.0, 9.0, 0.0])
    sheet = mosaic(data, Confusion.of(data))
    middle = sheet[CELL // 2 :: CELL, CELL // 2 :: CELL]
    assert sheet.shape == (2 * CELL, 2 * CELL)
    assert middle[0, 1] == 7  # the id, and so the pixel, of the sample with loss 9
    assert middle[0, 0] == int(0.35 * (1 + 3) / 2)
    assert middle[1, 0] == 0  # nothing lies there


def test_a_loss_that_is_no_number_counts_as_the_worst():
    data = run([0, 0, 0], [1, 1, 0], loss=[5.0, np.nan, 0.0])
    assert mosaic(data, Confusion.of(data))[CELL // 2, CELL // 2 + CELL] == 3


def test_bright_pictures_are_turned_into_ink_and_colored_ones_stay():
    bright = run([0, 0], [1, 0], pixel=BRIGHT)
    assert mosaic(bright, Confusion.of(bright)).max() <= 255 - BRIGHT
    colored = run([0, 0], [1, 0], channels=3, pixel=BRIGHT)
    sheet = mosaic(colored, Confusion.of(colored))
    assert sheet.shape[-1] == 4 and sheet[CELL // 2, CELL // 2 + CELL].tolist() == [BRIGHT] * 3 + [255]


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.floats(0, 50, width=32), st.sampled_from([0.0, np.nan, np.inf])), max_size=60),
    st.data(),
)
def test_bars_count_each_loss_once_and_a_brushed_bar_takes_its_samples(losses, data):
    run_of = run([0] * len(losses), [0] * len(losses), loss=losses)
    bins = Bins.of(run_of)
    there = np.isfinite(run_of.loss)
    assert bins.counts.sum() == there.sum() and len(bins.counts) == BINS
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(losses), max_size=len(losses))), bool)
    assert bins.count(mask).sum() == (mask & there).sum() and not bins.count(None).any()
    low, high = bins.limits(bins.edges[0] - 1, bins.edges[-1] + 1)
    assert ((run_of.loss >= low) & (run_of.loss <= high)).sum() == there.sum()
    for bar in range(1, BINS - 1):
        low, high = bins.limits(bins.edges[bar], bins.edges[bar + 1])
        taken = (run_of.loss >= low) & (run_of.loss <= high)
        sure = np.abs(np.log10(np.maximum(run_of.loss[there], 1e-7))[:, None] - bins.edges).min(1) > 1e-5
        np.testing.assert_array_equal(taken[there][sure], (bins.place[there] == bar)[sure])


@pytest.mark.parametrize("losses", [[], [0.0] * 5, [np.nan] * 5, [2.0], [1e30, 1e-30]])
def test_panels_can_be_built_from_odd_losses(losses):
    session = Session(None, data=run([0] * len(losses), [0] * len(losses), loss=losses))
    assert LossHistogram(session).panel().get_root() is not None
    assert ConfusionMatrix(session).panel().get_root() is not None
