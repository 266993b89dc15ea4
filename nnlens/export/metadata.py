"""Labels as the Embedding Projector reads them: columns between tabs, nothing quoted, read in pieces of a megabyte.

The page decodes each piece by itself, so a sign of several bytes that lies across an edge becomes two unknown ones. A
line before it is then made longer by spaces before a number, which the page does not see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nnlens.export.words import one_line

PIECE = 1_000_000
"""Bytes that the page decodes at once."""
MOST_COLORS = 50
"""Distinct texts up to which the page offers a column for coloring."""
OTHER = "other"


def tsv(columns: Mapping[str, Iterable[object]]) -> bytes:
    """Write columns; the last one must hold numbers.

    A single column has no header, several have one. A number that is not there is an empty cell, never an empty line.
    The file ends with a newline: without it the page waits for ever where its last piece holds no other.
    """
    cells = [[_cell(value) for value in values] for values in columns.values()]
    lines = ["\t".join(row) for row in zip(*cells, strict=True)]
    if len(columns) > 1:
        lines.insert(0, "\t".join(one_line(name) for name in columns))
    return _apart([line.encode() + b"\n" for line in lines])


def _cell(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return str(value) if isinstance(value, int | np.integer) else one_line(value)


def _apart(lines: list[bytes]) -> bytes:
    """Join lines so that no sign lies across the edge of a piece."""
    place = 0
    for at, line in enumerate(lines):
        short = _short_of(line, place)
        if short and at:
            before, tab, last = lines[at - 1].rpartition(b"\t")
            lines[at - 1] = before + tab + b" " * short + last
            place += short
        place += len(line)
    return b"".join(lines)


def _short_of(line: bytes, place: int) -> int:
    """Tell by how many bytes a line that begins at `place` must be moved for an edge in it to lie between signs."""
    edge = -(-place // PIECE) * PIECE - place
    moved = 0
    while 0 < edge - moved < len(line) and line[edge - moved] & 0xC0 == 0x80:
        moved += 1
    return moved


def few(texts: Sequence[str]) -> list[str] | None:
    """Return texts of which no more than `MOST_COLORS` differ: the most frequent, and "other"; None if they are few."""
    counts = Counter(texts)
    if len(counts) <= MOST_COLORS:
        return None
    kept = {text for text, _ in counts.most_common(MOST_COLORS - 1)}
    return [text if text in kept else OTHER for text in texts]
