"""Texts that name architectures, read without running anything in them."""

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nnlens.errors import ModelError
from nnlens.models.spec import Spec, parse_spec

NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(lambda name: name.isidentifier())
LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=5,
)
KEYWORDS = NAMES.filter(lambda name: name not in {"None", "True", "False"})


@given(NAMES, st.lists(LITERALS, max_size=3), st.dictionaries(KEYWORDS, LITERALS, max_size=3))
@example("net", ["a:b(c)", "):x("], {"text": "file.py:Net(1)"})
def test_what_python_writes_is_read_back(name, args, kwargs):
    import keyword

    if any(map(keyword.iskeyword, [name, *kwargs])):
        return
    call = ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])
    assert parse_spec(f"folder (1)/net.py:{name}({call})") == Spec(
        "folder (1)/net.py", name, tuple(args), kwargs
    )


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("net.py", "net.py", "get_model_and_input"),
        ("net.py:Net", "net.py", "Net"),
        ("net.py:Net()", "net.py", "Net"),
        ("C:\\nets\\net.py:Net.build", "C:\\nets\\net.py", "Net.build"),
        ("a:b/net.py:größe(1)", "a:b/net.py", "größe"),
        ("package.module:Class.method", "package.module", "Class.method"),
    ],
)
def test_places_and_names(text, place, name):
    found = parse_spec(text)
    assert (found.place, found.name) == (place, name)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("net", "names no callable"),
        ("net.py:", "names no callable"),
        ("net.py:a b", "names no callable"),
        ("net.py:Net(width=32", "names no callable"),
        ("net.py:Net(width=)", "cannot be read"),
        ("net.py:Net(1)(2)", "more than one call"),
        ("net.py:Net(1) + Net(2)", "more than one call"),
        ("net.py:Net(), other()", "more than one call"),
        ("net.py:Net(width=w)", "argument w of .* is no literal"),
        ("net.py:Net(open('trapped', 'w'))", "is no literal"),
        ("net.py:Net(__import__('os').system('touch trapped'))", "is no literal"),
        ("net.py:Net([x for x in (1, 2)])", "is no literal"),
        ("net.py:Net(f'{1}')", "is no literal"),
        ("net.py:Net(*[1])", "is no literal"),
        ("net.py:Net(**{'width': 1})", "unpacks its arguments"),
        ("net.py:Net(" + "[" * 4000 + ")", "cannot be read"),
        ("net.py:Net(" + "(" * 3000 + ")" * 3000 + ")", "cannot be read|no literal"),
        ("net.py:Net('" + "x" * 20_000 + "')", "cannot be read"),
    ],
)
def test_anything_else_is_refused_and_not_run(text, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=what) as caught:
        parse_spec(text)
    assert caught.value.hint
    assert not Path("trapped").exists()
