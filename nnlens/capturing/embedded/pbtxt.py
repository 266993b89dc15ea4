"""Protocol buffers as text, as far as TensorBoard's ``projector_config.pbtxt`` uses them: names, values, blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<sign>[{}\[\]:,;<>])|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[-\w.+]+)"""
)
ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
CLOSES = {"{": "}", "<": ">"}
DEEPEST = 20
LETTERS = {"n": "\n", "t": "\t", "r": "\r"}

Block = dict[str, list[Any]]
"""Every field with all its values: texts, and blocks within."""


def parse(text: str) -> Block:
    """Read a text.

    Raises
    ------
    ValueError
        If it is none.
    """
    tokens = [*_tokens(text), ("sign", "")]
    block, place = _block(tokens, 0, "", 0)
    if place != len(tokens):
        raise ValueError("a block is closed that was never opened")
    return block


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"unexpected {text[place]!r}")
        if match.lastgroup:
            yield match.lastgroup, match.group()
        place = match.end()


def _block(tokens: list[tuple[str, str]], place: int, end: str, depth: int) -> tuple[Block, int]:
    """Read fields up to the sign that closes them; the empty one closes the whole."""
    if depth > DEEPEST:
        raise ValueError("blocks are nested too deep")
    found: Block = {}
    while tokens[place] != ("sign", end):
        kind, name = tokens[place]
        if kind == "sign" and name in (",", ";"):
            place += 1
            continue
        if kind != "word":
            raise ValueError(f"a name is missing before {name!r}")
        place += 1
        if tokens[place] == ("sign", ":"):
            place += 1
        values, place = _values(tokens, place, depth)
        found.setdefault(name, []).extend(values)
    return found, place + 1


def _values(tokens: list[tuple[str, str]], place: int, depth: int) -> tuple[list[Any], int]:
    kind, sign = tokens[place]
    if (kind, sign) == ("sign", "["):
        return _several(tokens, place + 1, depth)
    if kind == "sign" and sign in CLOSES:
        block, place = _block(tokens, place + 1, CLOSES[sign], depth + 1)
        return [block], place
    if kind == "sign":
        raise ValueError("a value is missing")
    if kind == "word":
        return [sign], place + 1
    parts = []
    while tokens[place][0] == "text":  # texts that follow each other are one
        parts.append(ESCAPE.sub(_unescaped, tokens[place][1][1:-1]))
        place += 1
    return ["".join(parts)], place


def _several(tokens: list[tuple[str, str]], place: int, depth: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    while tokens[place] != ("sign", "]"):
        if tokens[place] == ("sign", ","):
            place += 1
            continue
        if tokens[place] == ("sign", "["):
            raise ValueError("a list lies in a list")
        more, place = _values(tokens, place, depth)
        values += more
    return values, place + 1


def _unescaped(match: re.Match[str]) -> str:
    octal, hexadecimal, letter = match.groups()
    if octal or hexadecimal:
        return chr(int(octal, 8) if octal else int(hexadecimal, 16))
    return LETTERS.get(letter, letter)
