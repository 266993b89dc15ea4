"""Any two columns against each other: counted as pandas does, and a cell's description finds its samples again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.panels.confusions import Confusions
from nnlens.ui.panels.crossing import MOST, Confusion, in_cell, side, sides
from nnlens.ui.panels.mosaic import BORDER, CELL, mosaic


def session_of(label, prediction, images=None, **extras):
    n = len(label)
    data = RunData(
        ids=np.arange(n, dtype=np.int64) * 2 + 1,
        label=np.asarray(label, np.int32),
        prediction=np.asarray(prediction, np.int32),
        loss=np.linspace(0, 3, n).astype(np.float32),
        class_names=tuple(f"class {i}" for i in range(1_000)),
        images=images or (lambda ids: np.full((len(ids), 8, 8, 1), 9, np.uint8)),
        extras={name: np.asarray(values) for name, values in extras.items()},
    )
    return Session(None, data=data)


def wide(ids):
    """Pictures that are twice as wide as high, white all over."""
    return np.full((len(ids), 10, 20, 1), 100, np.uint8)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=60)
)
def test_two_columns_are_counted_as_pandas_does(rows):
    label, prediction, part = (np.array(column) for column in zip(*rows, strict=True))
    session = session_of(label, prediction, part=part)
    crossed = Confusion.of(session.data, side(session, "part"), side(session, "label"))
    expected = pd.crosstab(part, label)
    np.testing.assert_array_equal(crossed.counts, expected.values)
    assert [crossed.row.value(group[0]) for group in crossed.rows] == list(expected.index)
    assert np.isnan(crossed.error).all() and not crossed.right().any()
    np.testing.assert_allclose(crossed.shares("row").sum(1), 1)
    np.testing.assert_allclose(crossed.shares("column").sum(0), 1)
    for i, row in enumerate(crossed.rows):
        for j, column in enumerate(crossed.columns):
            origin = json.loads(json.dumps(crossed.origin(row, column)))
            np.testing.assert_array_equal(
                in_cell(session, origin), crossed.cell == i * len(crossed.columns) + j
            )


def test_the_columns_that_can_be_a_side_have_few_values():
    n = 400
    session = session_of(
        np.zeros(n), np.ones(n), part=np.array(["a", "b"] * 200), path=np.arange(n).astype(str),
        flag=np.tile([0.0, 1.0], 200), score=np.linspace(0, 1, n), gone=np.where(np.arange(n) % 2, np.nan, 3.0),
    )  # fmt: skip
    assert sides(session) == ["label", "prediction", "correct", "part", "flag", "gone"]
    assert side(session, "gone").values == (3.0, None)
    assert side(session, "gone").title(session.data, 1) == "none"
    assert side(session, "flag").title(session.data, 0) == "0"


def test_of_a_thousand_classes_the_list_names_pairs_that_have_no_cell_of_their_own():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 1_000, 30_000)
    prediction = np.where(rng.random(30_000) < 0.6, label, (label * 7 + rng.integers(0, 3, 30_000)) % 1_000)
    session = session_of(label, prediction)
    crossed = Confusion.of(session.data)
    assert crossed.counts.shape == (MOST, MOST) and crossed.counts.sum() == 30_000
    assert crossed.rows[-1] and crossed.sign == "→"
    pairs = crossed.pairs(50)
    frame = pd.DataFrame({"a": label, "b": prediction}).query("a != b").value_counts()
    assert [count for *_, count in pairs] == frame.head(50).tolist()
    for a, b, count in pairs:
        assert frame[a, b] == count == crossed.mask([a], [b]).sum()


def test_by_row_the_shade_is_the_share_of_mistakes_in_a_row():
    session = session_of([0] * 100 + [1] * 10, [0] * 90 + [1] * 10 + [1] * 5 + [0] * 5)
    crossed = Confusion.of(session.data)
    np.testing.assert_allclose(
        crossed.shade("row"), [[0, 0.2], [1, 0]]
    )  # a tenth and a half, against the largest
    np.testing.assert_allclose(crossed.shade("column"), [[0, 1], [(5 / 95) / (10 / 15), 0]])


def test_pictures_keep_their_proportions():
    session = session_of([0, 0], [1, 1], images=wide)
    sheet = mosaic(session.data, Confusion.of(session.data))
    cell = sheet[:CELL, CELL : 2 * CELL] if sheet.shape[1] > CELL else sheet[:CELL, :CELL]
    rows, columns = np.nonzero(cell)
    assert np.ptp(columns) + 1 == CELL - 2 * BORDER and np.ptp(rows) + 1 == (CELL - 2 * BORDER) // 2


def test_a_column_against_itself_changes_places():
    session = session_of([0, 1, 1], [1, 1, 0], part=np.array(["a", "a", "b"]))
    tab = Confusions(session, _Walk(session))
    tab._turn("row")("part", {})
    assert (tab.shown.row.column, tab.shown.column.column) == ("part", "prediction")
    tab._turn("column")("part", {})
    assert (tab.shown.row.column, tab.shown.column.column) == ("prediction", "part")
    tab._turn("row")("nothing", {})
    assert tab.shown.row.column == "prediction" and not session.messages


@pytest.mark.parametrize("wanted", [["<b>"], [77], [None]])
def test_a_cell_of_an_address_may_name_values_that_are_not_there(wanted):
    session = session_of([0, 1], [1, 1], part=np.array(["a", "b"]))
    assert not in_cell(session, {"kind": "cell", "part": wanted}).any()


class _Walk:
    """The order of the samples, as the page has it."""

    def __init__(self, session):
        self.session = session

    def worst(self, mask):
        """All that is chosen."""
        return np.flatnonzero(mask)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(1, True), ([1], True), ("1", False), ({"a": 1}, False), (None, False), ([[1]], False)],
)
def test_a_cell_of_an_address_names_one_class_or_several_and_else_nothing(wanted, found):
    session = session_of([0, 1, 1], [1, 1, 0])
    mask = in_cell(session, {"kind": "cell", "label": wanted})
    assert np.array_equal(mask, (session.data.label == 1) & found)
