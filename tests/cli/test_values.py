"""Text from the command line, read without evaluating anything."""

import math

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from nnlens.cli import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/255", 1 / 255),
        (".1307", 0.1307),
        ("1e-3", 1e-3),
        ("-2", -2),
        (" 1 / 4 ", 0.25),
        ("+3.", 3),
        ("1/2e2", 0.005),
    ],
)
def test_a_number_may_be_a_quotient(text, expected):
    assert values.number(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1//2",
        "1/2/3",
        "1/0",
        "__import__('os')",
        "1_000",
        "nan",
        "inf",
        "0x10",
        "1,5",
        "1e999",
        "1/1e-999",
    ],
)
def test_what_is_no_number_is_refused_with_the_text(text):
    with pytest.raises(typer.BadParameter) as caught:
        values.number(text)
    assert repr(text) in str(caught.value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back_as_written(value):
    assert values.number(repr(value)) == value


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_named_error(text):
    try:
        assert math.isfinite(values.number(text))
    except typer.BadParameter as error:
        assert error.message


def test_numbers_are_one_or_one_a_channel():
    assert values.numbers(".5") == 0.5
    assert values.numbers(".485,.456,.406") == (0.485, 0.456, 0.406)
    with pytest.raises(typer.BadParameter):
        values.numbers(".485,,.406")


@pytest.mark.parametrize(
    ("text", "expected"), [("32", 32), ("224x160", (224, 160)), ("224×160", (224, 160)), ("8, 9", (8, 9))]
)
def test_a_size_is_a_side_or_height_and_width(text, expected):
    assert values.image_size(text) == expected


@pytest.mark.parametrize("text", ["0", "0x3", "3x0", "00", "-3", "3.5", "3x3x3", "", "x", "²", "9" * 5000])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(typer.BadParameter, match="size"):
        values.image_size(text)


def test_names_come_with_commas_or_one_an_option():
    assert values.names(["a,b", " c "]) == ["a", "b", "c"]
    assert values.names(["convnet.c5"]) == ["convnet.c5"]
    assert values.names(None) is None
    assert values.names([]) is None


def test_ids_are_single_ranges_or_a_file(tmp_path):
    assert values.ids("3,17,4-6") == [3, 17, 4, 5, 6]
    file = tmp_path / "ids.txt"
    file.write_text("5\n9\n")
    assert values.ids(f"@{file}") == [5, 9]
    with pytest.raises(typer.BadParameter, match="cannot be read"):
        values.ids(f"@{tmp_path / 'missing'}")
    for text in ("3,x", "9-3", "0-99999999999", "-4"):
        with pytest.raises(typer.BadParameter, match="sample id"):
            values.ids(text)


def test_a_whole_number_may_be_written_as_any_number():
    assert values.whole_number("1e3") == 1000
    with pytest.raises(typer.BadParameter, match="whole"):
        values.whole_number("1.5")


@pytest.mark.parametrize("texts", [[""], [" , "], ["", ","]])
def test_an_option_without_a_name_is_refused(texts):
    with pytest.raises(typer.BadParameter, match="name is missing"):
        values.names(texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("predicted", None), ("7", 7), ("-1", -1), ("label", "label"), ("features.0:3", "features.0:3")],
)
def test_a_target_is_none_a_class_or_words(text, expected):
    assert values.target(text) == expected
