"""The confusion matrix as one picture: a sample in every cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.ui.core.data import RunData
from nnlens.ui.panels.crossing import Confusion

CELL = 28
"""Pixels a side of a cell of the picture; its sample leaves a border of two."""
BORDER = 2
OF_A_MEAN = 32
"""Samples a mean image is made of: more look the same and take longer to read."""
FAINT = 0.35


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
    right = confusion.right().ravel()
    for cell, positions in wanted.items():
        mean = np.mean([images[int(i)] for i in data.ids[positions]], axis=0)
        _paste(sheet, cell // columns, cell % columns, 255 - mean if light else mean, bool(right[cell]))
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
    """Put an image into the middle of a cell, in its own proportions."""
    pixels = (image[..., 0] if sheet.ndim == 2 else image[..., :3]).astype(np.uint8)
    tall, wide = fitted(image.shape[0], image.shape[1], CELL - 2 * BORDER)
    small = np.asarray(Image.fromarray(pixels).resize((wide, tall), Image.Resampling.BILINEAR), float)
    if sheet.ndim == 2:
        small *= FAINT if faint else 1
    else:
        small = np.dstack([small, np.full((tall, wide), 255 * (FAINT if faint else 1))])
    y, x = row * CELL + (CELL - tall) // 2, column * CELL + (CELL - wide) // 2
    sheet[y : y + tall, x : x + wide] = small.astype(np.uint8)


def fitted(height: int, width: int, side: int) -> tuple[int, int]:
    """Return the height and width of a picture that is to lie whole in a square, not stretched."""
    scale = side / max(height, width, 1)
    return max(1, round(height * scale)), max(1, round(width * scale))
