"""Where the boxes of a network stand, and how the lines between them run: positions alone, nothing is drawn here.

Boxes stand in columns from left to right. Where branches run side by side each has a row; a connection that skips
columns has a lane of its own, so that no line runs through a box and no two boxes meet.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nnlens.ui.architecture.graph import Edge, spans
from nnlens.ui.architecture.placed import Box, Layout, Line, Point, Size

HEIGHT = 58.0
"""Pixels that boxes may take, of the strip's smallest height."""
GAP = 10.0
"""Pixels between columns, at least: lines change rows there."""
NEAR = 5.0
"""Pixels between columns where there is too little room."""
LANE, LANES = 9.0, 24.0
"""Pixels of a lane, and of all lanes side by side, at most."""
MARGIN = 3.0
"""Pixels between boxes of two rows; less where there is no room."""
LOW = 0.54
"""Where in its row the middle of a face lies: sheets stand out to the top."""
CROWDED = 5
"""Rows from which lanes no longer lie beside boxes, but are gathered in thin rows."""
SIDE = 14.0
"""Pixels left and right of everything."""


@dataclass
class _Rows:
    """The rows of one span: which cells are taken, and what runs where.

    Attributes
    ----------
    taken : set of (int, int)
        Row and column.
    row : dict of str to int
        Of a box, and of the lane that it feeds.
    thick : set of int
        Rows with boxes.
    """

    taken: set[tuple[int, int]] = field(default_factory=set)
    row: dict[str, int] = field(default_factory=dict)
    lane: dict[str, int] = field(default_factory=dict)

    def take(self, wanted: Sequence[int], columns: Sequence[int]) -> int:
        """Take the first row that is free in all of the columns, the wanted ones first."""
        rows = [*wanted, *range(len(self.taken) + 1)]
        row = next(r for r in rows if not any((r, column) in self.taken for column in columns))
        self.taken.update((row, column) for column in columns)
        return row


def arrange(sizes: Sequence[Size], edges: Sequence[Edge[str]], height: float = HEIGHT) -> Layout:
    """Lay out a network.

    Parameters
    ----------
    sizes : sequence of Size
        In an order in which each edge goes from an earlier to a later one.
    edges : sequence of (str, str)
        Keys of two boxes, the first feeding the second.
    height : float
        Pixels that boxes may take.
    """
    feeds, fed = defaultdict(list), defaultdict(list)
    for source, end in edges:
        feeds[source].append(end)
        fed[end].append(source)
    columns = _columns([size.key for size in sizes], edges, fed)
    middles = _middles([size.key for size in sizes], edges, feeds, fed, columns, height)
    placed = [_fitted(size, middles[size.key][1]) for size in sizes]
    across = _across(placed, columns)
    boxes = {size.key: _box(size, middles[size.key][0], columns[size.key], across) for size in placed}
    lines = tuple(_line(boxes[a], boxes[b], middles[a][2], across) for a, b in edges)
    width = 2 * SIDE + sum(column.room for column in across)
    return Layout(width, _least(across, width), boxes, lines)


def _box(size: Size, middle: float, column: int, across: Sequence[_Column]) -> Box:
    held = across[column]
    return Box(size.key, held.middle, middle, size.width, size.height, size.over, column, held.room)


def _columns(
    order: Sequence[str], edges: Sequence[Edge[str]], fed: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Give every box a column: one behind all that feed it, and behind the last node that everything passes through."""
    columns: dict[str, int] = {}
    start = 0
    for span in spans(order, edges):
        for key in span.inside:
            columns[key] = max([start, *(columns[source] + 1 for source in fed[key])])
        columns[span.end] = max([start, *(columns[key] + 1 for key in span.inside)])
        start = columns[span.end] + 1
    return columns


def _middles(
    order: Sequence[str],
    edges: Sequence[Edge[str]],
    feeds: Mapping[str, Sequence[str]],
    fed: Mapping[str, Sequence[str]],
    columns: Mapping[str, int],
    height: float,
) -> dict[str, tuple[float, float, float]]:
    """Return for every box the middle of its row, the row's height, and the middle of the lane that it feeds."""
    last = {key: max([columns[key] + 1, *(columns[end] for end in feeds[key])]) for key in order}
    middles: dict[str, tuple[float, float, float]] = {}
    before: str | None = None
    for span in spans(order, edges):
        entry = [] if before is None else [before]
        rows = _rows(span.inside, entry, fed, columns, last, apart=False)
        if len({*rows.row.values()}) > CROWDED:
            rows = _rows(span.inside, entry, fed, columns, last, apart=True)
        bands = _bands(rows, height)
        for key in span.inside:
            middle, band = bands[rows.row[key]]
            middles[key] = middle, band, bands[rows.lane.get(key, rows.row[key])][0]
        for key in entry:
            if key in rows.lane:
                middles[key] = *middles[key][:2], bands[rows.lane[key]][0]
        middles[span.end] = LOW * height, height, LOW * height
        before = span.end
    return middles


def _rows(
    inside: Sequence[str],
    entry: Sequence[str],
    fed: Mapping[str, Sequence[str]],
    columns: Mapping[str, int],
    last: Mapping[str, int],
    apart: bool,
) -> _Rows:
    """Give each box of a span a row, and a lane to what feeds boxes further on: in its own row, unless `apart`."""
    rows = _Rows()
    for key in inside:
        wanted = [rows.row[source] for source in fed[key] if source in rows.row]
        end = columns[key] + 1 if apart else last[key]
        rows.row[key] = rows.take(wanted, range(columns[key], end))
    free = max([-1, *rows.row.values()]) + 1
    for key in (*inside, *entry) if apart else entry:
        if last[key] > columns[key] + 1:
            behind = range(free, free + len(rows.taken) + 1)  # below all boxes
            rows.lane[key] = rows.take(behind, range(columns[key] + 1, last[key]))
    return rows


def _bands(rows: _Rows, height: float) -> dict[int, tuple[float, float]]:
    """Share the height among rows: as much as they can get for those with boxes, a little for lanes."""
    thick, thin = {*rows.row.values()}, {*rows.lane.values()}
    lane = min(LANE, LANES / len(thin)) if thin else 0.0
    tall = (height - lane * len(thin)) / max(len(thick), 1)
    bands: dict[int, tuple[float, float]] = {}
    top = 0.0
    for row in sorted(thick | thin):
        band, low = (tall, LOW) if row in thick else (lane, 0.5)
        bands[row] = top + low * band, band
        top += band
    return bands


def _fitted(size: Size, band: float) -> Size:
    """Make a box small enough for its row."""
    room = 1 - min(MARGIN / band, 0.2)
    above, below = (LOW - (1 - room) / 2) * band, (1 - LOW - (1 - room) / 2) * band
    share = min(1.0, above / (size.height / 2 + size.over), 2 * below / size.height)
    width = size.width * share if size.over or size.width > size.height / 2 else size.width
    return Size(size.key, max(width, 3.0), size.height * share, size.over * share, size.label)


@dataclass(frozen=True)
class _Column:
    """How far a column's boxes stand out from its middle, and the room that it takes.

    Attributes
    ----------
    left, right : float
    room : float
    middle : float
    """

    left: float
    right: float
    room: float
    middle: float


def _across(sizes: Sequence[Size], columns: Mapping[str, int]) -> list[_Column]:
    """Put the columns beside each other."""
    held: dict[int, list[Size]] = defaultdict(list)
    for size in sizes:
        held[columns[size.key]].append(size)
    found: list[_Column] = []
    start = SIDE
    for column in sorted(held):
        left = max(size.width / 2 for size in held[column])
        right = max(size.width / 2 + size.over for size in held[column])
        words = max(size.label for size in held[column]) + 4
        room = max(left + right + GAP, words)
        # words stand below the middle of the face, so that sheets may have the gap for themselves
        middle = start + (room / 2 if words >= room else left + (room - left - right) / 2)
        found.append(_Column(left, right, room, middle))
        start += room
    return found


def _least(columns: Sequence[_Column], width: float) -> float:
    """Return the width at which the first two columns come too near each other."""
    shares = [
        (one.right + two.left + NEAR) / (two.middle - one.middle) for one, two in itertools.pairwise(columns)
    ]
    return width * min(1.0, max(shares, default=1.0))


def _line(source: Box, end: Box, lane: float, columns: Sequence[_Column]) -> Line:
    """Run level past the boxes of each column, and change rows between columns."""
    points: list[Point] = [(source.x, source.y), (source.x + columns[source.column].right, source.y)]
    if end.column > source.column + 1:
        first, last = columns[source.column + 1], columns[end.column - 1]
        points += [(first.middle - first.left, lane), (last.middle + last.right, lane)]
    points += [(end.x - columns[end.column].left, end.y), (end.x, end.y)]
    return Line(source.key, end.key, tuple(points))
