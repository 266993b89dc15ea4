"""Two columns against each other: which values have a row and a column, and how many samples lie in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core.data import RunData
from nnlens.ui.core.record import texts
from nnlens.ui.core.session import Session

Codes = NDArray[Any]
Groups = tuple[tuple[int, ...], ...]
MOST = 20
"""Rows and columns of their own; the other values share the last one."""
KINDS = 1_000
"""Different values up to which a column sorts samples into kinds."""
CLASSES = ("label", "prediction")
NORMS = ("count", "row", "column")


@dataclass(frozen=True, eq=False)
class Side:
    """A column that sorts the samples into kinds.

    Attributes
    ----------
    column : str
    codes : ndarray of int, dims (sample,)
        Of classes their number, else the place among the values.
    values : tuple or None
        What the column holds, by code; None where that is the code itself.
    """

    column: str
    codes: Codes
    values: tuple[Any, ...] | None = None

    def value(self, code: int) -> Any:
        """Return what the column holds for a code, as JSON can write it."""
        return int(code) if self.values is None else self.values[code]

    def title(self, data: RunData, code: int) -> str:
        """Name a kind."""
        if self.values is None:
            return data.class_name(code)
        value = self.values[code]
        return (
            "none"
            if value is None or value == ""
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )


def class_side(data: RunData, column: str) -> Side:
    """Return the labels or the predictions."""
    return Side(column, data.column(column))


def sides(session: Session) -> list[str]:
    """List the columns that can be an axis: classes, and others of few values."""
    data = session.data
    own = [*CLASSES, "correct"] if data.scored else ["label"]
    others = {**texts(session), **data.extras}
    return [*own, *(name for name, values in others.items() if _few(values))]


def side(session: Session, column: str) -> Side:
    """Return a column as an axis."""
    if column in CLASSES:
        return class_side(session.data, column)
    values = texts(session).get(column)
    return _numbered(column, session.data.column(column) if values is None else values)


def _few(values: Codes) -> bool:
    """Whether a column has so few values that samples share them."""
    start = values[: 4 * KINDS]  # a column of 60,000 paths need not be sorted whole
    if len(np.unique(_sortable(start))) > min(KINDS, max(2, len(start) // 2)):
        return False
    there = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    whole = values.dtype.kind != "f" or np.array_equal(there, np.round(there))
    return whole and len(np.unique(_sortable(values))) <= KINDS


def _sortable(values: Codes) -> Codes:
    """Return texts as such, where a column may hold None among them."""
    if values.dtype.kind != "O":
        return values
    return np.array(["" if value is None else str(value) for value in values.tolist()], str)


def _numbered(column: str, values: Codes) -> Side:
    found, codes = np.unique(_sortable(values), return_inverse=True)
    return Side(column, codes.astype(np.int64), tuple(_json(value) for value in found.tolist()))


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each value of one column meets each of another: labels and predictions, where nothing else is said.

    Attributes
    ----------
    row, column : Side
    rows, columns : tuple of tuple of int
        The codes of each row and each column; only the last may hold several.
    cell : ndarray of int, dims (sample,)
        Row × number of columns + column.
    counts : ndarray of int, dims (row, column)
    error : ndarray of float, dims (row,)
        Share of a row's samples that are predicted as another class; NaN where it has none, or no labels, and where the
        columns are no classes.
    """

    row: Side
    column: Side
    rows: Groups
    columns: Groups
    cell: NDArray[np.intp]
    counts: NDArray[np.intp]
    error: NDArray[np.float64]

    @classmethod
    def of(
        cls, data: RunData, row: Side | None = None, column: Side | None = None, most: int = MOST
    ) -> Confusion:
        """Count how two columns meet, in at most so many rows and columns."""
        row, column = row or class_side(data, "label"), column or class_side(data, "prediction")
        judged = _judged(row, column)
        wrong = np.ones(len(data), bool)
        if judged:
            wrong = (data.label != data.prediction) & (data.label != UNLABELLED)
        rows = _group(np.unique(row.codes), row.codes[wrong], most)
        single = [group[0] for group in rows if len(group) == 1]
        own = np.array([code for code in single if code != UNLABELLED] if judged else [], np.int64)
        there = np.unique(np.concatenate([own, np.unique(column.codes)]))
        columns = _group(there, column.codes[wrong], most, own)
        at, across = _place(row.codes, rows), _place(column.codes, columns)
        cell = at * len(columns) + across
        counts = np.bincount(cell, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))
        sizes = np.bincount(at[data.label != UNLABELLED], minlength=len(rows))
        missed = np.bincount(at[wrong], minlength=len(rows))
        error = np.where(judged & (sizes > 0), missed / np.maximum(sizes, 1), np.nan)
        return cls(row, column, rows, columns, cell, counts, error)

    @property
    def judged(self) -> bool:
        """Whether it is labels against predictions, so that some cells are right and the others mistakes."""
        return _judged(self.row, self.column)

    @property
    def sign(self) -> str:
        """What stands between the names of a row and a column."""
        return "→" if self.judged else "×"

    def count(self, mask: Mask | None) -> NDArray[np.intp]:
        """Count the selected samples in each cell, dims (row, column); none when nothing is selected."""
        chosen = self.cell[:0] if mask is None else self.cell[np.flatnonzero(mask)]
        return np.bincount(chosen, minlength=self.counts.size).reshape(self.counts.shape)

    def right(self) -> NDArray[np.bool_]:
        """Tell which cells hold right predictions, dims (row, column)."""
        return np.array(
            [
                [self.judged and row == column and len(row) == 1 for column in self.columns]
                for row in self.rows
            ],
            bool,
        )

    def shares(self, norm: str) -> NDArray[np.float64]:
        """Return what share each cell is of its ``row`` or ``column``, or of all samples for ``count``."""
        totals = {"row": self.counts.sum(1, keepdims=True), "column": self.counts.sum(0, keepdims=True)}
        return np.asarray(self.counts / np.maximum(totals.get(norm, self.counts.sum()), 1))

    def shade(self, norm: str = "count") -> NDArray[np.float64]:
        """Tell how dark each cell is, 0 to 1, dims (row, column).

        By ``count`` the logarithm of how many mistakes lie in it, else the share that they are of their ``row`` or
        ``column``. What is right has no shade, for it would hide all else.
        """
        unlabelled = np.array(
            [
                [self.judged and (UNLABELLED,) in (row, column) for column in self.columns]
                for row in self.rows
            ],
            bool,
        )
        numbers = np.log1p(self.counts) if norm == "count" else self.shares(norm)
        wrong = np.where(self.right() | unlabelled, 0, numbers)
        return np.asarray(wrong / max(float(wrong.max(initial=0)), 1e-9))

    def pairs(self, limit: int) -> list[tuple[int, int, int]]:
        """List the pairs of values that meet most often, mistakes alone where there are such, with how often.

        Of all values, also of those that share the last row or column.
        """
        chosen = self.row.codes != self.column.codes if self.judged else np.ones(len(self.cell), bool)
        if self.judged:
            chosen = chosen & (self.row.codes != UNLABELLED) & (self.column.codes != UNLABELLED)
        both = np.stack([self.row.codes[chosen], self.column.codes[chosen]], 1)
        found, counts = np.unique(both, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:limit]
        return [(int(found[i][0]), int(found[i][1]), int(counts[i])) for i in order]

    def mask(self, row: Sequence[int], column: Sequence[int]) -> Mask:
        """Return which samples have one of these values in the rows and one in the columns, dims (sample,)."""
        return np.asarray(np.isin(self.row.codes, row) & np.isin(self.column.codes, column))

    def origin(self, row: Sequence[int], column: Sequence[int]) -> dict[str, Any]:
        """Describe what `mask` finds, so that it can be selected again."""
        return {
            "kind": "cell",
            self.row.column: [self.row.value(code) for code in row],
            self.column.column: [self.column.value(code) for code in column],
        }


def in_cell(session: Session, origin: Any) -> Mask:
    """Find the samples of a cell by its description."""
    chosen = np.ones(len(session.data), bool)
    for column, wanted in origin.items():
        if column != "kind":
            chosen &= _is_in(side(session, str(column)), wanted)
    return chosen


def _is_in(axis: Side, given: Any) -> Mask:
    """Find which samples have a value, or one of several; what an address has that is none finds nothing."""
    wanted = given if isinstance(given, list | tuple) else [given]
    if axis.values is None:
        return np.isin(axis.codes, np.array([code for code in wanted if isinstance(code, int)], np.int64))
    codes = [code for code, value in enumerate(axis.values) if value in wanted]
    return np.isin(axis.codes, np.array(codes, np.int64))


def _judged(row: Side, column: Side) -> bool:
    return {row.column, column.column} == set(CLASSES)


def _group(present: Codes, wrong: Codes, most: int, first: Codes | None = None) -> Groups:
    """Give codes a place each, in their order, and the rest one together: those with the fewest mistakes."""
    codes = [int(code) for code in present]
    if len(codes) <= most:
        return tuple((code,) for code in codes)
    mistakes = dict(zip(*np.unique(wrong, return_counts=True), strict=True))
    kept = set() if first is None else {int(code) for code in first}
    ranked = sorted(codes, key=lambda code: (code not in kept, -mistakes.get(code, 0)))
    alone, rest = ranked[: most - 1], ranked[most - 1 :]
    return (*((code,) for code in sorted(alone)), tuple(sorted(rest)))


def _place(codes: Codes, groups: Groups) -> NDArray[np.intp]:
    """Find the group of each code."""
    flat = np.array([code for group in groups for code in group], np.int64)
    where = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    order = np.argsort(flat)
    return np.asarray(where[order][np.searchsorted(flat[order], codes)])
