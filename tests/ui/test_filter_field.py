"""The field of the filter selects, and says what would select where nothing does."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.panels.filters import FilterField


@pytest.fixture
def session():
    label = np.array([9, 9, 3, 3], np.int32)
    data = RunData(
        np.arange(4), label, np.array([9, 3, 3, 9], np.int32), np.array([0.1, 6.84, 0.2, 20], "f4"),
        tuple("0123456789"), lambda ids: np.zeros((len(ids), 2, 2, 1), np.uint8),
    )  # fmt: skip
    return Session(None, data=data)


def enter(field, text):
    field.input._handle_msg({"enter": text})


def test_a_filter_selects_and_an_empty_one_takes_that_back(session):
    field = FilterField(session)
    enter(field, "loss > 1")
    assert session.state.selection.samples.tolist() == [1, 3]
    assert dict(session.state.selection.origin) == {"kind": "filter", "text": "loss > 1"}
    assert "2 samples match" in field.message.html
    enter(field, "")
    assert session.state.mask is None and field.message.html == ""


def test_an_empty_filter_leaves_a_selection_of_the_maps(session):
    field = FilterField(session)
    session.state.select([1], {"kind": "box"})
    field.apply("")
    assert len(session.state.selection) == 1


def test_where_nothing_matches_it_says_what_would(session):
    field = FilterField(session)
    session.state.select([0])
    enter(field, "label == 9 and loss > 12")
    assert "The largest loss among the 9s is 6.84." in field.message.html
    assert len(session.state.selection) == 1, "the selection stays"
    field.message._handle_msg({"act": "use", "value": "label == 9 and loss > 6"})
    assert field.input.value == "label == 9 and loss > 6" and session.state.selection.samples.tolist() == [1]


@pytest.mark.parametrize(
    "text", ["loss >", "(" * 300, "<img src=x onerror=alert(1)>", "label == '<script>'", "x" * 900]
)
def test_what_cannot_be_read_is_said_as_text(session, text):
    field = FilterField(session)
    enter(field, text)
    assert 'role="alert"' in field.message.html and "<img" not in field.message.html
    assert "<script>" not in field.message.html and not session.messages


def test_columns_of_results_can_be_named(session):
    field = FilterField(session)
    session.data.extras["score"] = np.array([1, 2, np.nan, 4], "f4")
    enter(field, "score >= 2 and not isnull(score)")
    assert session.state.selection.samples.tolist() == [1, 3]


def test_the_field_offers_what_may_come_next_and_what_came_before(session):
    field = FilterField(session)
    field.input._handle_msg({"ask": 3, "text": "label == ", "caret": 9})
    assert field.input.offers["ask"] == 3
    assert [way["insert"] for way in field.input.offers["offers"]][:2] == ["'0' ", "'1' "]
    enter(field, "loss > 1")
    enter(field, "label == 9")
    recent = [way["insert"] for way in field.offers("", 0)["offers"] if way["kind"] == "recent"]
    assert recent == ["label == 9", "loss > 1"]
    field.input._handle_msg({"ask": 4, "text": 7, "caret": "x"})
    field.input._handle_msg("anything")
    assert field.input.offers["ask"] == 3 and not session.messages


@pytest.mark.parametrize(
    ("text", "there"), [("loss > 1 and lable == 9", "lable"), ("label == '77'", "&#39;77&#39;")]
)
def test_what_is_wrong_is_marked(session, text, there):
    field = FilterField(session)
    enter(field, text)
    assert f"<mark>{there}</mark>" in field.message.html
