"""Every offered word keeps a filter readable, or the beginning of one; what cannot be read is pointed at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.completing import complete, fault
from nnlens.errors import FilterError
from nnlens.filtering import MAX_LENGTH, select_where

ODD = ("Shirt", "it's", 'a "b"', "<img src=x>", "\u202ename", "Ankle boot", "\\")
COLUMNS = {
    "id": np.arange(4),
    "label": np.array([0, 1, 2, 3]),
    "prediction": np.array([0, 1, 2, -1]),
    "loss": np.array([0.1, 2, np.nan, 4]),
    "correct": np.array([True, True, True, False]),
    "split": np.array(["test", "train", "test", ""]),
    "class": np.arange(4),  # no name in the language
}
NAMES = {"label": ODD, "prediction": ODD}
ENDS = (
    *(
        "",
        " > 1",
        " loss > 1",
        " 1",
        " 1)",
        ")",
        " 'x'",
        " label)",
        "loss, 1, 2)",
        " 1, 2)",
        ", 1, 2)",
        ", 2)",
        " 2)",
    ),
    *(" in (1, 2)", "(1, 2)", "(loss, 1, 2)", "(label)", " == 'x'", " 'x')", " == 1", ", 'x')", "('x', 'x')"),
    *(" 'x', 'x')", " in ('x', 'x')"),
)


def offered(text, caret=None):
    found = complete(text, len(text) if caret is None else caret, COLUMNS, NAMES)
    return [way.insert.strip() for way in found.offers]


def readable(text):
    for end in ENDS:
        for closed in range(4):
            try:
                return select_where(text + end + ")" * closed, COLUMNS, NAMES) is not None
            except FilterError:
                continue
    return False


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_is_taken_the_filter_can_still_be_finished(data):
    text = ""
    for _ in range(data.draw(st.integers(1, 9))):
        typed = data.draw(st.sampled_from(["", "", "", " l", " (", " 1 ", " 1, ", " pr", " '", " 2)"]))
        found = complete(text + typed, len(text + typed), COLUMNS, NAMES)
        if not found.offers:
            found, typed = complete(text, len(text), COLUMNS, NAMES), ""
        if not found.offers:  # a number is to be written
            text += " 1 "
            continue
        before = text + typed
        text = before[: found.start] + data.draw(st.sampled_from(found.offers)).insert + before[found.end :]
        assert readable(text), text


@given(st.text(max_size=60), st.integers(-5, 80))
def test_any_text_is_taken(text, caret):
    found = complete(text, caret, COLUMNS, NAMES)
    assert 0 <= found.start <= found.end <= len(text)
    place = fault(text, COLUMNS, NAMES)
    assert place is None or 0 <= place[0] < place[1]


def test_what_is_offered_fits_the_place():
    assert offered("lo") == ["loss"] and offered("loss ")[:2] == [">", ">="]
    assert offered("label == ")[0] == "'Shirt'" and "prediction" in offered("label == ")
    assert offered("label == 'ank") == ["'Ankle boot'"] and offered("label == boot") == ["'Ankle boot'"]
    assert offered("split == ") == ["''", "'test'", "'train'"]
    assert offered("loss > 1 ") == ["and", "or"] and offered("(loss > 1 ") == ["and", "or", ")"]
    assert offered("correct ") == ["and", "or"] and not offered("label > ")
    assert "class" not in offered("") and "label" in offered("loss > 1 and not ")
    assert (
        offered("between(") == ["id,", "loss,"]
        and offered("label in (1 ") == [","]
        and offered("label in (1, 2 ") == [",", ")"]
    )
    assert offered("lo > 1", caret=2) == ["loss"], "what follows is left alone"
    assert not offered("loss + ") and not offered("nothing ") and not offered("x" * MAX_LENGTH)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("loss > 1 and lable == 9", "lable"),
        (" label == 'Skirt'", None),
        ("loss > 1 and )", ")"),
        ("é == 1", "é"),
        ("loss + 1", "loss + 1"),
    ],
)
def test_the_place_of_a_mistake_is_told(text, there):
    columns = COLUMNS if there else {name: COLUMNS[name] for name in NAMES}
    start, end = fault(text, columns, NAMES)
    assert text[start:end] == (there or "'Skirt'")
