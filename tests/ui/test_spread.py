"""The plane of the loss and another column: where samples lie, what a box takes, what is known of the training."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.core import record
from nnlens.ui.core.session import Session
from nnlens.ui.core.trained import Trained, is_training
from nnlens.ui.look.palette import STEPS, TOKENS, ClassColors, class_loss_palette
from nnlens.ui.panels import spread
from nnlens.ui.panels.spread import Spread


@pytest.fixture(scope="module")
def data(synthetic):
    made = synthetic.run_data(3_000)
    made.loss[:7], made.loss[7:9] = np.nan, 0
    made.label[9:12] = -1
    made.extras["score"] = np.where(np.arange(3_000) % 10, np.linspace(-4, 9, 3_000), np.nan).astype("f4")
    return made


def test_margins_of_all_are_the_margins_of_each(data):
    found = record.margins(data.logit, data.label)
    session = Session(None, data=data)
    expected = [record.read(session, sample).margin for sample in data.ids[:400]]
    np.testing.assert_allclose(found[:400], expected, atol=1e-6)
    assert np.isnan(record.margins(np.array([[1.0, np.inf]]), np.array([0]))).all()
    assert np.isnan(record.margins(np.zeros((2, 1)), np.array([0, 0]))).all()


@pytest.mark.parametrize("column", ["label", "prediction", "confidence", "margin", "id", "score"])
def test_a_sample_lies_at_its_loss_and_its_value(data, column):
    made = Spread.of(data, column)
    values = spread.values(data, column)
    lacking = np.isnan(data.loss) | np.isnan(values)
    np.testing.assert_array_equal(np.flatnonzero(~lacking), made.positions)
    assert made.left_out == lacking.sum() >= 7
    np.testing.assert_allclose(made.y[9:50], np.log10(np.maximum(data.loss[9:50], 1e-7)), rtol=1e-5)
    x = made.x[made.positions]
    if column in ("label", "prediction"):  # each within its own strip
        assert (np.round(x) == values[made.positions]).all() and len(made.words()) == 10
    else:
        np.testing.assert_array_equal(x, values[made.positions])
    x0, y0, x1, y1 = made.view
    assert x0 < x.min() and x.max() < x1 and y0 < made.y[made.positions].min() and np.nanmax(made.y) < y1


def test_a_class_is_as_wide_as_it_has_samples_of_a_loss():
    y = np.concatenate([np.full(500, -2.0), np.full(20, 0.0)]).astype("f4")
    x = spread.spread_out(np.zeros(520, "f4"), y)
    many, few = np.ptp(x[y < -1]), np.ptp(x[y > -1])
    assert many == pytest.approx(spread.SPREAD, rel=0.05) and few < 0.2 * many


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["label", "margin", "score"]), st.lists(st.floats(-1, 11), min_size=4, max_size=4))
def test_a_box_takes_what_lies_in_it_and_is_found_again(data, column, ends):
    made = Spread.of(data, column)
    box = (min(ends[:2]), min(ends[2:]) - 5, max(ends[:2]), max(ends[2:]))
    inside = made.inside(box)
    for i in range(0, len(data), 97):
        assert inside[i] == (box[0] <= made.x[i] <= box[2] and box[1] <= made.y[i] <= box[3])
    origin = json.loads(json.dumps(made.origin(box)))
    np.testing.assert_array_equal(spread.resolve(data, origin), inside)
    assert spread.resolve(data, origin | {"variable": "not there yet"}) is None


def test_the_nearest_is_nearest_on_the_screen(data):
    made, size = Spread.of(data, "confidence"), (500, 160)
    x0, y0, x1, y1 = made.view
    for x, y in ((0.4, -0.5), (0.9, -2.0), (0.2, 0.3)):
        far = np.hypot((made.x - x) * size[0] / (x1 - x0), (made.y - y) * size[1] / (y1 - y0))
        best = np.nanargmin(far)
        assert made.nearest(x, y, size, np.inf) == data.ids[best]
        assert made.nearest(x, y, size, far[best] * 0.9) is None
    assert made.place(int(data.ids[0])) is None  # without a loss
    assert made.place(int(data.ids[50])) == (made.x[50], made.y[50])


def test_the_selected_lie_on_top_in_the_accent(data):
    made, colors = Spread.of(data, "label"), ClassColors(data.label, 10)
    mask = data.label == 3
    plain, chosen = made.pixels(colors, None, (300, 120)), made.pixels(colors, mask, (300, 120))
    assert plain.any() and plain.max() <= STEPS and (chosen > STEPS).any()
    columns = np.flatnonzero((chosen > STEPS).any(axis=0)) / 300 * 10 - 0.5
    assert (np.round(columns) == 3).all()
    for theme in ("light", "dark"):
        palette, own = spread.palette(theme, 3_000, True), class_loss_palette(theme, 3_000)
        assert len(palette) == len(own) and set(palette[1 + STEPS : -1]) == {TOKENS[theme]["accent"]}
        assert palette[1 : 1 + STEPS] == list(own[1 : 1 + STEPS])  # dimmed
        assert spread.palette(theme, 3_000, False)[1 : 1 + STEPS] == list(own[1 + STEPS : 1 + 2 * STEPS])


@pytest.mark.parametrize(
    ("split", "training"),
    [("train", True), ("Training", True), (" train_a", True), ("test", False), ("validation", False), ("VAL", False),
     ("held-out", False), ("dev", False), ("all", None), ("", None), ("unlabelled", None)],
)  # fmt: skip
def test_the_name_of_a_split_tells_what_is_training_data(split, training):
    assert is_training(split) is training


@pytest.mark.parametrize(
    ("counts", "words", "warns"),
    [((9, 0, 0), "Computed on training data", True), ((1_200, 5, 3), "1,200 of 1,208 are training data", True),
     ((0, 4, 0), "No training data among these", False), ((0, 4, 1), "Trained on these or not: unknown", False)],
)  # fmt: skip
def test_what_is_known_of_the_training_is_said(counts, words, warns):
    told = Trained(*counts)
    assert (told.words, told.warns) == (words, warns)
