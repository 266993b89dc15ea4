"""The table as a page of the reference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bad_rows.row import Row

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "bad-inputs.md"
SPECIAL = re.compile(r"([|<>*_\\\[\]])")
HEAD = """# Bad inputs

<!-- Written by `python docs/write_bad_inputs.py` from tests/bad_inputs; do not edit. -->

What nnlens says of each, word for word, in a program and at a terminal. The tests make every one of these inputs, let
both meet it, and see that nothing has changed: no file, no network, no hook. In a program it is an error of
`nnlens.errors` with `message` and `hint`; at a terminal it is one line on stderr and exit status 1, or 3 where
`nnlens verify` finds damage.

| | Input | What nnlens says or does |
|---|---|---|"""
REST = """
Inputs that are no files have tests of their own:

| | Input | What nnlens does |
|---|---|---|"""
ELSEWHERE = (
    (
        28,
        "a forward pass that never ends, while `nnlens capture` runs",
        "Ctrl-C keeps what is committed and prints the command that goes on.",
        "tests/cli/test_capture.py",
    ),
    (
        57,
        "kill −9 at random moments",
        "At most the batches in flight are lost; going on gives the run of an uninterrupted capture.",
        "benchmarks/kills.py",
    ),
    (
        60,
        "a filter that is empty, cut off, or of 3,000 parentheses",
        "Words on what is expected, and an example.",
        "tests/filtering",
    ),
)
"""Inputs that are no files and have tests of their own: number, words, what happens, where."""


def line_of(row: Row, said: str) -> str:
    """Return the line of a row, with what was said of it."""
    words = said if row.error else f"{row.works} {quoted(row, said)}".strip()
    return f"| {row.number} | {plain(row.what)} | {plain(words)} |"


def quoted(row: Row, said: str) -> str:
    """Return what a row is about of all that was said where it works: a caption tells other things, too."""
    clauses = [clause for line in said.splitlines() for clause in line.split(" · ")]
    found = [clause for clause in clauses if row.says and re.search(row.says, clause)]
    return f"“{found[0]}”" if found else ""


def plain(text: str) -> str:
    """Return text that Markdown shows as it is; backticks stay."""
    parts = text.split("`")
    return "`".join(
        SPECIAL.sub(r"\\\1", part) if place % 2 == 0 else part for place, part in enumerate(parts)
    )


def page_of(lines: Iterable[str]) -> str:
    """Return the page with these lines."""
    rest = [
        f"| {number} | {plain(words)} | {plain(told)} `{place}` |" for number, words, told, place in ELSEWHERE
    ]
    return "\n".join([HEAD, *lines, REST, *rest, ""])
