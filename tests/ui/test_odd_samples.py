"""Samples without a label, a loss or a prediction, and labels that are no class: what panels and tables say of them."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens.schema import UNLABELLED
from nnlens.ui.core.data import RunData
from nnlens.ui.core.record import read
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.panels.cards import Cards
from nnlens.ui.panels.comparing import compared
from nnlens.ui.panels.crossing import Confusion, class_side
from nnlens.ui.panels.hardest import Order, Rows
from nnlens.ui.panels.table import SampleTable, sample_frame

N = 200


@pytest.fixture
def session():
    label = np.arange(N, dtype=np.int32) % 3
    prediction, loss = label.copy(), np.linspace(1, 2, N, dtype="f4")
    label[0], label[1] = UNLABELLED, 7  # the network knows three classes
    prediction[2], loss[2] = -1, np.nan  # as capture writes what has no finite logits
    images = lambda ids: np.zeros((len(ids), 4, 4, 1), np.uint8)  # noqa: E731
    data = RunData(
        np.arange(N, dtype=np.int64) * 2, label, prediction, loss, ("a", "b", "c"), images, name="r"
    )
    return Session(None, data=data)


def test_the_table_calls_each_what_it_is(session):
    frame = sample_frame(session)
    assert frame["label"].iloc[:3].tolist() == ["unlabelled", "class 7", "c"]
    assert frame["prediction"].iloc[:3].tolist() == ["a", "b", "invalid"]
    assert frame["label"].iloc[3:6].tolist() == ["a", "b", "c"]


def test_a_loss_that_is_none_has_no_rank(session):
    assert read(session, 4).rank is None
    assert read(session, 2 * (N - 1)).rank == 1
    words = compared(session, [4, 6])
    assert "nan" not in words and "invalid" in words


def test_a_card_of_what_has_no_prediction_says_so(session):
    session.state.select([4], {"kind": "ids"})
    words = Cards(session, Walk(session)).view.html
    assert "invalid" in words and "nan" not in words and "wrong" in words


def test_the_unlabelled_have_no_shade_on_either_side(session):
    sides = class_side(session.data, "prediction"), class_side(session.data, "label")
    turned = Confusion.of(session.data, *sides)
    at = turned.columns.index((UNLABELLED,))
    assert turned.counts[:, at].sum() == 1 and not turned.shade()[:, at].any()


def test_a_ranking_counts_those_that_have_a_score(session):
    order = Order(session, Walk(session))
    rows = Rows(session, order, size=50)
    score = np.where(np.arange(N) % 4, np.nan, 1.0)
    rows.show("score", score)
    assert rows.total == N // 4
    session.state.select(np.arange(N) < 8, {"kind": "ids"})
    assert rows.total == 2


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, which Bokeh still uses
def test_a_smaller_selection_is_shown_from_its_first_page(session):
    table = SampleTable(session, Walk(session))
    table.grid.page = 4
    session.state.select([2, 4, 6], {"kind": "ids"})
    assert (table.grid.page, len(table.grid.current_view)) == (1, 3)


def test_what_a_panel_shows_of_its_own_leaves_from_it(session):
    pool = Cards(session, Walk(session))
    assert pool.chosen is None
    session.state.pinned = [8, 2]
    session.state.choices = {"pool": "pinned"}
    assert pool.chosen == [8, 2]
