"""What may come next in a filter that is being written, and where one that cannot be read goes wrong.

Every offer keeps the text a filter, or the beginning of one: tests write on until it can be read.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nnlens.filtering import MAX_LENGTH, Columns, Names

Kind = Literal["number", "class", "text", "flag"]
MOST = 50
FEW_TEXTS = 200
"""Different texts of a column, above which none is offered."""
FIRST, LOOKED_AT = 5_000, 100_000
"""Texts of a column that tell whether there are few, and of which those that are offered are taken."""

TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<open>["'].*)|(?P<number>\d[\w.]*(?:(?<=[eE])[-+]\d+)?|\.\d\w*)
    |(?P<name>[^\W\d]\w*)|(?P<sign>==|!=|<=|>=|[<>(),\-\[\]{}])|(?P<half>[=!])|(?P<other>\S))""",
    re.VERBOSE | re.DOTALL,
)
ORDER = ("<", "<=", ">", ">=")
SIGNS: dict[Kind, tuple[str, ...]] = {
    "number": (">", ">=", "<", "<=", "==", "!="),
    "class": ("==", "!=", "in (", "not in ("),
    "text": ("==", "!=", "in (", "not in ("),
    "flag": ("and", "or"),
}
AFTER_ARGUMENT = {"column": ", ", "low": ", ", "high": ")", "only": ")"}


@dataclass(frozen=True)
class Offer:
    """One way to go on.

    Attributes
    ----------
    insert : str
        What takes the place of the word that is being written.
    kind : str
        What it is, in a word.
    """

    insert: str
    kind: str


@dataclass(frozen=True)
class Offers:
    """Ways to go on, and the stretch of the text that each takes the place of."""

    start: int
    end: int
    offers: tuple[Offer, ...] = ()


@dataclass
class _Place:
    """Where a reader of the text stands: what it waits for, of which column, within how many parentheses."""

    wants: str = "condition"
    column: str = ""
    sign: str = ""
    depth: int = 0


def complete(text: str, caret: int, columns: Columns, names: Names | None = None) -> Offers:
    """Tell how a filter may go on.

    Parameters
    ----------
    text : str
        What is written so far; it need not be readable.
    caret : int
        Where writing goes on; what follows it is left alone, but for the rest of the word.
    columns, names
        As for `nnlens.filtering.select_where`.

    Returns
    -------
    Offers
    """
    caret = min(max(caret, 0), len(text))
    before, word = _split(text[:caret])
    rest = re.match(r"\w*", text[caret:]) if word[:1] not in ("'", '"') else None
    end = caret + (rest.end() if rest else 0)
    place = _Place()
    if not all(_step(place, token, columns, names or {}) for token in TOKEN.finditer(before)):
        return Offers(len(before), end)
    found = [offer for offer in _offers(place, columns, names or {}) if offer.insert.strip() != word]
    low = word.strip("'\"").lower()
    bare = [(offer, offer.insert.strip("'\" (,)").lower()) for offer in found]
    if not low:
        kept = [offer for offer, _ in bare if offer.insert.startswith(word)] if word in "=!<>" else found
    else:
        first = [offer for offer, words in bare if words.startswith(low) or offer.insert.startswith(word)]
        kept = first + [offer for offer, words in bare if low in words and offer not in first]
    room = MAX_LENGTH - len(before) - (len(text) - end)
    return Offers(len(before), end, tuple(o for o in kept if len(o.insert) <= room)[:MOST])


def _split(text: str) -> tuple[str, str]:
    """Split off the word, name in quotes or half sign that a text ends in."""
    last = None
    for last in TOKEN.finditer(text):  # noqa: B007 - the last one is asked for
        pass
    if last is None or last.end() != len(text):
        return text, ""
    kind = last.lastgroup or ""
    if kind in ("name", "open", "half") or last[kind] in ("<", ">"):
        return text[: last.start(kind)], last[kind]
    return text, ""


def _step(place: _Place, token: re.Match[str], columns: Columns, names: Names) -> bool:
    """Read one token; whether it may stand where it does."""
    word = token[token.lastgroup or 0]
    match place.wants:
        case "condition":
            return _condition(place, word, token.lastgroup, columns)
        case "operator" | "in":
            return _operator(place, word, columns, names)
        case "value":
            return word == "-" or _value(place, token.lastgroup, "join", columns, names)
        case "join":
            return _join(place, word)
        case "list" | "argument":
            place.wants, place.sign = ("item", "one") if place.wants == "list" else (place.sign, "")
            return word == "("
        case "item":
            return word == "-" or _value(place, token.lastgroup, "more", columns, names)
        case "more":
            alone, place.sign = place.sign == "one", ""  # (1) is no list, (1, 2) is
            place.wants = "item" if word == "," else "join"
            return word == "," or (word == ")" and not alone)
        case "column" | "only":
            place.column, place.wants = word, f"after {place.wants}"
            return word in columns
        case "low" | "high":
            return word == "-" or _value(place, token.lastgroup, f"after {place.wants}", columns, names)
        case "after column" | "after low":
            place.wants = "low" if place.wants == "after column" else "high"
            return word == ","
    place.wants = "join"
    return word == ")"  # after the last argument


def _condition(place: _Place, word: str, kind: str | None, columns: Columns) -> bool:
    if word == "(":
        place.depth += 1
    elif word in ("between", "isnull"):
        place.wants, place.sign = "argument", "column" if word == "between" else "only"
    elif word != "not":
        place.wants, place.column = "operator", word
        return kind == "name" and word in columns and not keyword.iskeyword(word)
    return True


def _operator(place: _Place, word: str, columns: Columns, names: Names) -> bool:
    if _kind(place.column, columns, names) == "flag" and word in ("and", "or", ")") and place.wants != "in":
        return _join(place, word)
    if word == "in":
        place.wants = "list"
        return True
    if word == "not" and place.wants != "in":
        place.wants = "in"
        return True
    place.wants, place.sign = "value", word
    return word in (*ORDER, "==", "!=")


def _value(place: _Place, kind: str | None, then: str, columns: Columns, names: Names) -> bool:
    place.wants = then
    never = {"text": "number", "number": "text"}.get(_kind(place.column, columns, names))
    return kind in ("text", "number", "name") and kind != never


def _join(place: _Place, word: str) -> bool:
    if word == ")":
        place.depth -= 1
        place.wants = "join"
        return place.depth >= 0
    place.wants = "condition"
    return word in ("and", "or")


def _kind(column: str, columns: Columns, names: Names) -> Kind:
    if column in names:
        return "class"
    kind = np.asarray(columns[column]).dtype.kind
    return "flag" if kind == "b" else "text" if kind in "OUT" else "number"


def _offers(place: _Place, columns: Columns, names: Names) -> Iterator[Offer]:
    """List what may stand at a place."""
    kinds = {name: _kind(name, columns, names) for name in columns if not keyword.iskeyword(name)}
    match place.wants:
        case "condition":
            yield from (Offer(name + " ", kind) for name, kind in kinds.items())
            yield Offer("not ", "turns it round")
            yield from (Offer(f"{word}(", "of a column") for word in ("between", "isnull"))
        case "operator":
            yield from (Offer(sign + " " * (sign[-1] != "("), "sign") for sign in SIGNS[kinds[place.column]])
        case "in":
            yield Offer("in (", "sign")
        case "value" | "item":
            yield from _values(place, kinds, columns, names)
        case "join":
            yield from (Offer("and ", "both"), Offer("or ", "either"))
            yield from [Offer(")", "closes")] * (place.depth > 0)
        case "list" | "argument":
            yield Offer("(", "opens")
        case "more":
            yield from (Offer(", ", "another"), *[Offer(")", "closes")] * (place.sign != "one"))
        case "column" | "only":
            wanted = [name for name, kind in kinds.items() if place.wants == "only" or kind == "number"]
            yield from (Offer(name + AFTER_ARGUMENT[place.wants], kinds[name]) for name in wanted)
        case "after column" | "after low":
            yield Offer(", ", "and then")
        case "after high" | "after only":
            yield Offer(")", "closes")


def _texts_of(values: np.ndarray[Any, Any]) -> Sequence[str]:
    """List the different texts of a column; none where the first samples have too many, for each letter asks again."""
    many = len(set(map(str, values[:FIRST].tolist()))) > FEW_TEXTS
    return () if many else sorted(set(map(str, values[:LOOKED_AT].tolist())))


def _values(place: _Place, kinds: dict[str, Kind], columns: Columns, names: Names) -> Iterator[Offer]:
    """List what a column may be compared with: its classes or texts, and columns of its kind."""
    kind, end = kinds.get(place.column), " " if place.wants == "value" else ""
    if kind == "class" and place.sign in ORDER and place.wants == "value":
        return
    if kind == "class":
        yield from (Offer(repr(name) + end, "class") for name in dict.fromkeys(map(str, names[place.column])))
    elif kind == "text":
        different = _texts_of(np.asarray(columns[place.column]))
        yield from (
            Offer(repr(str(each)) + end, "text")
            for each in different[: FEW_TEXTS * (len(different) <= FEW_TEXTS)]
        )
    same = [name for name, each in kinds.items() if each == kind and name != place.column]
    yield from (Offer(name + end, str(kind)) for name in same)


def fault(text: str, columns: Columns, names: Names | None = None) -> tuple[int, int] | None:
    """Tell where a filter goes wrong, from where to where; None where that is not known.

    Parameters
    ----------
    text : str
    columns, names
        As for `nnlens.filtering.select_where`.
    """
    lead = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        at = min(max((error.offset or 1) - 1 + lead, 0), len(text))
        return at, max(min((error.end_offset or 0) - 1 + lead, len(text)), at + 1)
    except (ValueError, MemoryError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _unknown(node, columns, names or {}):
            line = text.strip().encode()
            start, end = (
                len(line[:at].decode(errors="ignore")) + lead
                for at in (node.col_offset, node.end_col_offset or 0)
            )
            return start, end
    return None


def _unknown(node: ast.AST, columns: Columns, names: Names) -> bool:
    """Whether a part of a filter names a column or class that is not there, or is what filters do not have."""
    if isinstance(node, ast.Name):
        return node.id not in columns and node.id not in ("between", "isnull")
    if isinstance(node, ast.Attribute | ast.BinOp | ast.Lambda | ast.Subscript | ast.IfExp):
        return True
    known = {str(name) for some in names.values() for name in some}
    strings = any(
        np.asarray(values).dtype.kind in "OUT" for name, values in columns.items() if name not in names
    )
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and not strings
        and node.value not in known
    )
