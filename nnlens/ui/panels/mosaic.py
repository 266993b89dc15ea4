"""The confusion matrix as numbers and as one picture: which classes have a row and a column, a sample in every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core.data import RunData

Codes = NDArray[Any]
Groups = tuple[tuple[int, ...], ...]
MOST = 20
"""Rows and columns of their own; the other classes share the last one."""
CELL = 28
"""Pixels a side of a cell of the picture; its sample leaves a border of two."""
BORDER = 2
OF_A_MEAN = 32
"""Samples a mean image is made of: more look the same and take longer to read."""
FAINT = 0.35


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each label got each prediction.

    Attributes
    ----------
    rows, columns : tuple of tuple of int
        The classes of each row (labels) and each column (predictions); only the last may hold several.
    cell : ndarray of int, dims (sample,)
        Row × number of columns + column.
    counts : ndarray of int, dims (row, column)
    error : ndarray of float, dims (row,)
        Share of a row's samples that are predicted as another class; NaN where it has none, or no labels.
    """

    rows: Groups
    columns: Groups
    cell: NDArray[np.intp]
    counts: NDArray[np.intp]
    error: NDArray[np.float64]

    @classmethod
    def of(cls, data: RunData) -> Confusion:
        """Count the confusions of a run."""
        wrong = (data.label != data.prediction) & (data.label != UNLABELLED)
        rows = _group(np.unique(data.label), data.label[wrong])
        single = [group[0] for group in rows if len(group) == 1]
        own = np.array([code for code in single if code != UNLABELLED], np.int64)
        columns = _group(
            np.unique(np.concatenate([own, np.unique(data.prediction)])), data.prediction[wrong], own
        )
        row, column = _place(data.label, rows), _place(data.prediction, columns)
        cell = row * len(columns) + column
        counts = np.bincount(cell, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))
        sizes = np.bincount(row[data.label != UNLABELLED], minlength=len(rows))
        missed = np.bincount(row[wrong], minlength=len(rows))
        error = np.where(sizes > 0, missed / np.maximum(sizes, 1), np.nan)
        return cls(rows, columns, cell, counts, error)

    def count(self, mask: Mask | None) -> NDArray[np.intp]:
        """Count the selected samples in each cell, dims (row, column); none when nothing is selected."""
        chosen = self.cell[:0] if mask is None else self.cell[mask]
        return np.bincount(chosen, minlength=self.counts.size).reshape(self.counts.shape)

    def right(self) -> NDArray[np.bool_]:
        """Tell which cells hold right predictions, dims (row, column)."""
        return np.array(
            [[row == column and len(row) == 1 for column in self.columns] for row in self.rows], bool
        )

    def shade(self) -> NDArray[np.float64]:
        """Tell how dark each cell is, 0 to 1, dims (row, column): the logarithm of how many mistakes lie in it."""
        unlabelled = np.array([[row == (UNLABELLED,)] for row in self.rows], bool)
        wrong = np.log1p(np.where(self.right() | unlabelled, 0, self.counts))
        return wrong / max(float(wrong.max(initial=0)), 1e-9)


def mosaic(data: RunData, confusion: Confusion) -> NDArray[np.uint8]:
    """Draw a sample into every cell: the worst mistake, or faintly the mean of those that are right.

    Returns
    -------
    ndarray of uint8
        Dims (y, x) for grey images, as how much ink there is; (y, x, channel) of four channels for colored ones.
        The first row is the top.
    """
    wanted = _wanted(data, confusion)
    ids = data.ids[np.concatenate(list(wanted.values()))] if wanted else data.ids[:0]
    images = dict(zip(ids.tolist(), data.images(ids.tolist()), strict=True)) if len(ids) else {}
    grey = not images or next(iter(images.values())).shape[-1] == 1
    rows, columns = confusion.counts.shape
    sheet = np.zeros((rows * CELL, columns * CELL) if grey else (rows * CELL, columns * CELL, 4), np.uint8)
    light = grey and images and np.mean([image.mean() for image in images.values()]) > 127
    for cell, positions in wanted.items():
        mean = np.mean([images[int(i)] for i in data.ids[positions]], axis=0)
        faint = bool(confusion.right().flat[cell])
        _paste(sheet, cell // columns, cell % columns, 255 - mean if light else mean, faint)
    return sheet


def _wanted(data: RunData, confusion: Confusion) -> dict[int, NDArray[np.intp]]:
    """Choose the positions of the samples that stand for each cell that has any."""
    loss = np.where(np.isfinite(data.loss), data.loss, np.inf)
    right = confusion.right().ravel()
    order = np.lexsort((-loss, confusion.cell))
    starts = np.searchsorted(confusion.cell[order], np.arange(confusion.counts.size + 1))
    chosen = {}
    for cell in np.flatnonzero(confusion.counts.ravel()):
        of_cell = order[starts[cell] : starts[cell + 1]]
        step = max(1, len(of_cell) // OF_A_MEAN)
        chosen[int(cell)] = of_cell[::step][:OF_A_MEAN] if right[cell] else of_cell[:1]
    return chosen


def _paste(sheet: NDArray[np.uint8], row: int, column: int, image: NDArray[Any], faint: bool) -> None:
    side = CELL - 2 * BORDER
    pixels = image[..., 0] if sheet.ndim == 2 else image[..., :3]
    small = np.asarray(
        Image.fromarray(pixels.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR), float
    )
    if sheet.ndim == 2:
        small *= FAINT if faint else 1
    else:
        small = np.dstack([small, np.full((side, side), 255 * (FAINT if faint else 1))])
    y, x = row * CELL + BORDER, column * CELL + BORDER
    sheet[y : y + side, x : x + side] = small.astype(np.uint8)


def _group(
    present: NDArray[Any], wrong: NDArray[Any], first: NDArray[Any] | None = None
) -> tuple[tuple[int, ...], ...]:
    """Give classes a place each, in their order, and the rest one together: those with the fewest mistakes."""
    codes = [int(code) for code in present]
    if len(codes) <= MOST:
        return tuple((code,) for code in codes)
    mistakes = dict(zip(*np.unique(wrong, return_counts=True), strict=True))
    kept = set() if first is None else {int(code) for code in first}
    ranked = sorted(codes, key=lambda code: (code not in kept, -mistakes.get(code, 0)))
    alone, rest = ranked[: MOST - 1], ranked[MOST - 1 :]
    return (*((code,) for code in sorted(alone)), tuple(sorted(rest)))


def _place(codes: Codes, groups: Groups) -> NDArray[np.intp]:
    """Find the group of each class."""
    flat = np.array([code for group in groups for code in group], np.int64)
    where = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    order = np.argsort(flat)
    return where[order][np.searchsorted(flat[order], codes)]
