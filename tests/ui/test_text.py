"""Text that goes into the page: nothing that a stranger writes becomes markup, and numbers read as agreed."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from nnlens.errors import StoreError
from nnlens.ui.look.text import (
    NAME_LENGTH,
    count,
    decimal,
    error_words,
    fill,
    joined,
    name,
    percent,
    plain,
    seconds,
    share,
    size,
)


class Tags(HTMLParser):
    def __init__(self, markup):
        super().__init__()
        self.found, self.attributes, self.text = [], [], ""
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.attributes += [key for key, _ in attrs]

    def handle_data(self, data):
        self.text += data


ANYTHING = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<img src=x onerror=alert(1)>",
            "\"'><script>alert(1)</script>",
            "{0}",
            "{x.__class__}",
            "&lt;",
            "%s",
            "{safe}",
        ]
    ),
)


@given(ANYTHING)
def test_values_never_become_markup(text):
    made = fill('<b title="{text}">{text}</b>', text=text)
    tags = Tags(made)
    assert tags.found == ["b"] and tags.attributes == ["title"]
    assert tags.text == text.replace("\r\n", "\n").replace("\r", "\n") or "\0" in text or "\r" in text


@given(ANYTHING, st.floats(-1e6, 1e6))
def test_templates_are_filled_as_markupsafe_fills_them(text, number):
    template = '<b title="{text}">{number:.2f} {{as it is}} {text}{made}{number}</b>'
    values = {"text": text, "number": number, "made": Markup("<i>&amp;</i>")}
    assert fill(template, **values) == Markup(template).format(**values)


@given(ANYTHING)
def test_names_are_one_line_of_text(text):
    assert Tags(name(text)).found == ["bdi"]
    short = plain(text)
    assert 0 < len(short) <= NAME_LENGTH and "\n" not in short
    assert not set(short) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u0000\u001b")


@given(st.lists(ANYTHING, max_size=5))
def test_markup_is_escaped_once(texts):
    parts = [fill("<i>{t}</i>", t=text) for text in texts]
    assert joined(parts) == "".join(parts)
    assert fill("<p>{inner}</p>", inner=joined(parts)) == f"<p>{''.join(parts)}</p>"
    assert all(html.escape(text) for text in texts if text)


def test_ten_thousand_letters_stay_a_name():
    assert len(plain("x" * 10_000)) == NAME_LENGTH
    assert plain("") == plain(" \n\t") == plain("\u202e") == "(no name)"


def test_errors_say_what_to_do_and_show_no_path():
    assert error_words(StoreError("It is lost.", "Find it.")) == ("It is lost.", "Find it.")
    text, _ = error_words(StoreError("The run /some/one/else/run is gone."))
    assert "/some" not in text and "run" in text
    for error in (KeyError("/a/b/secret"), ValueError("Traceback"), RecursionError(), MemoryError()):
        text, hint = error_words(error)
        assert text and hint and "secret" not in text + hint and "Traceback" not in text + hint
    assert "key error" in error_words(KeyError("x"))[0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (count(60_000), "60,000"),
        (share(0.96), ".960"),
        (share(-0.945), "−.945"),
        (share(1.0), "1.000"),
        (share(0.9999), "1.000"),
        (share(0), ".000"),
        (decimal(4.1984), "4.198"),
        (decimal(3e-7), "3.0e-07"),
        (decimal(float("nan")), "–"),
        (percent(0.9913), "99.13 %"),
        (percent(float("nan")), "–"),
        (seconds(None), ""),
        (seconds(0.2), "under 1 s"),
        (seconds(59), "about 59 s"),
        (seconds(200), "about 3 min"),
        (size(65_000_000), "65 MB"),
    ],
)
def test_numbers_are_written_as_agreed(made, expected):
    assert made == expected
