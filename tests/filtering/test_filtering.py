"""The filter language against pandas' own query, and what it must refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlens.errors import FilterError
from nnlens.filter_hints import explain_empty
from nnlens.filtering import MAX_LENGTH, select_where

RNG = np.random.default_rng(0)
N = 500
COLUMNS = {
    "id": np.arange(N),
    "label": RNG.integers(-1, 5, N),
    "prediction": RNG.integers(0, 5, N),
    "loss": np.where(RNG.random(N) < 0.05, np.nan, RNG.exponential(size=N)).astype("f4"),
    "split": RNG.choice(np.array(["train", "test"], object), N),
}
COLUMNS["correct"] = COLUMNS["label"] == COLUMNS["prediction"]
NAMES = {"label": ("cat", "dog", "dog", "<b>x</b>", ""), "prediction": ("cat", "dog", "dog", "<b>x</b>", "")}
FRAME = pd.DataFrame(COLUMNS)


def where(text):
    return select_where(text, COLUMNS, NAMES)


def comparison():
    number = st.floats(-3, 6, allow_nan=False).map(lambda v: f"{v:.3f}")
    operator = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    one = st.builds(
        lambda c, o, v: f"{c} {o} {v}",
        st.sampled_from(["label", "loss", "id", "prediction"]),
        operator,
        number,
    )
    chain = st.builds(lambda a, o, b: f"{a} {o} loss {o} {b}", number, operator, number)
    columns = st.builds(lambda o: f"label {o} prediction", operator)
    split = st.sampled_from(
        ["split == 'train'", "split in ('test', 'x')", "split not in ['test']", "label in (0, 3)"]
    )
    return st.one_of(one, chain, columns, split, st.just("correct"))


FILTERS = st.recursive(
    comparison(),
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"({a}) and ({b})", inner, inner),
        st.builds(lambda a, b: f"({a}) or ({b})", inner, inner),
        st.builds(lambda a: f"not ({a})", inner),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(FILTERS)
def test_agrees_with_pandas_query(text):
    expected = FRAME.query(text, engine="python").index.to_numpy()
    assert np.array_equal(np.flatnonzero(where(text)), expected)


def test_functions_have_their_meaning():
    loss, label = COLUMNS["loss"], COLUMNS["label"]
    assert np.array_equal(where("between(loss, 0.5, 2)"), (loss >= 0.5) & (loss <= 2))
    assert np.array_equal(where("isnull(loss)"), np.isnan(loss))
    assert np.array_equal(where("isnull(label)"), label == -1)
    assert not where("isnull(id)").any()


def test_class_names_stand_for_their_numbers():
    label = COLUMNS["label"]
    assert np.array_equal(where("label == 'dog'"), np.isin(label, (1, 2)))  # two classes bear the name
    assert np.array_equal(where("'cat' != label"), label != 0)
    assert np.array_equal(where("label in ('cat', 3)"), np.isin(label, (0, 3)))
    assert np.array_equal(where("label == '<b>x</b>'"), label == 3)
    assert np.array_equal(where("label == ''"), label == 4)


REFUSED = [
    "",
    "   ",
    "loss >",
    "loss = 1",
    "(" * 3000,
    "(" * 200,
    "not " * 100 + "correct",
    "x" * (MAX_LENGTH + 1),
    "a > 1",
    "loss",
    "1 == 1",
    "loss > 'a'",
    "split > 3",
    "label > 'cat'",
    "label == 'catt'",
    "loss is None",
    "loss in split",
    "loss.sum() > 1",
    "loss.__class__ == 1",
    "__import__('os').system('true')",
    "().__class__.__bases__",
    "[x for x in loss]",
    "lambda: 1",
    "loss[0] > 1",
    "loss + 1 > 1",
    "@loss > 1",
    "between(1, 2, 3)",
    "between(loss, 1)",
    "isnull(1)",
    "isnull(x=loss)",
    "eval('1')",
    "loss > 1; 1",
    "loss > 1e999 > '",
    "\0",
    "f'{loss}' == 'a'",
    "(loss := 1) > 0",
    "loss if correct else correct",
    "*loss > 1",
    "loss > 1j",
    "loss > b'a'",
    "loss > ...",
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_what_is_no_filter_is_refused_in_words(text):
    with pytest.raises(FilterError) as caught:
        where(text)
    message = str(caught.value)
    assert message and "\n" not in message and len(message) < 400 and "Error" not in message


def test_hints_name_what_was_meant():
    assert "==" in _hint("label = 9")
    assert "loss" in _hint("los > 1")
    assert "cat" in _hint("label == 'catt'")
    assert "between(" in _hint("loss between 1 and 2")
    assert "and" in _hint("loss > 1 && correct")


def _hint(text):
    with pytest.raises(FilterError) as caught:
        where(text)
    return caught.value.hint


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_a_mask_or_a_filter_error(text):
    try:
        mask = where(text)
    except FilterError:
        return
    assert mask.shape == (N,)


def test_huge_numbers_are_compared_or_refused():
    assert where("id < 1e300").all()
    assert not where(f"id > {10**30}").any()
    with pytest.raises(FilterError):
        where("id > " + "9" * 400)


def test_empty_result_names_the_largest_value_that_is_there():
    digits = tuple(str(i) for i in range(10))
    columns = {"label": np.array([9, 9, 3]), "loss": np.array([6.84, 1, 20], "f4")}
    names = {"label": digits}
    hint = explain_empty("label == 9 and loss > 12", columns, names)
    assert hint.reason == "The largest loss among the 9s is 6.84."
    assert hint.suggestion == "label == 9 and loss > 6"
    assert select_where(hint.suggestion, columns, names).sum() == 1


@settings(max_examples=100, deadline=None)
@given(FILTERS)
def test_a_suggestion_always_selects_something(text):
    text = f"({text}) and loss > 100"
    hint = explain_empty(text, COLUMNS, NAMES)
    assert hint.reason
    if hint.suggestion:
        assert where(hint.suggestion).any()


def test_empty_result_of_other_kinds_still_says_why():
    assert "loss" not in explain_empty("split == 'none'", COLUMNS, NAMES).reason
    assert explain_empty("split == 'none'", COLUMNS, NAMES).reason.startswith("No sample satisfies")
    assert "all of them" in explain_empty("split == 'test' and split == 'train'", COLUMNS, NAMES).reason
