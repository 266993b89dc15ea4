"""What can be measured in a picture without knowing what it shows: where it is bright, how it leans."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Measure = Callable[[NDArray[np.uint8]], Float]
STATISTICS = ("brightness", "contrast", "fine detail", "center across", "center down", "slant", "spread")
COLORS = ("redness", "greenness", "blueness")


def picture_traits(
    height: int, width: int, channels: int, grid: int
) -> tuple[list[tuple[str, int, str]], Measure]:
    """Return what is measured, as (kind, index, name), and the function that does it.

    Brightness goes from 0 to 1. The regions are the cells of a grid, row by row.

    Parameters
    ----------
    height, width, channels : int
        Of the images.
    grid : int
        Cells on a side, at most one a pixel.
    """
    rows, columns = edges(height, grid), edges(width, grid)
    named = [
        ("region", place, f"brightness at {words}")
        for place, words in enumerate(_cells(rows, columns, height, width))
    ]
    named += [("image", -1, name) for name in (*STATISTICS, *(COLORS if channels == 3 else ()))]

    def measure(images: NDArray[np.uint8]) -> Float:
        pixels = images.astype(np.float32) / 255
        grey = pixels.mean(axis=3)
        parts = [regions(grey, rows, columns), statistics(grey)]
        parts += [pixels.mean(axis=(1, 2)) - grey.mean(axis=(1, 2))[:, None]] if channels == 3 else []
        return np.concatenate(parts, axis=1)

    return named, measure


def edges(length: int, parts: int) -> NDArray[np.intp]:
    """Return where each of so many parts begins, of at least one pixel each."""
    parts = min(parts, length)
    return (np.arange(parts) * length) // parts


def regions(grey: Float, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Float:
    """Return the mean brightness of each cell, dims (sample, region)."""
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
    heights = np.diff([*rows, grey.shape[1]])
    widths = np.diff([*columns, grey.shape[2]])
    return (sums / np.outer(heights, widths)).reshape(len(grey), -1).astype(np.float32)


def statistics(grey: Float) -> Float:
    """Return the numbers that `STATISTICS` names, dims (sample, trait).

    What stands out from the border counts as the thing shown: its center (from −1 to 1), how far it spreads (as a
    share of half the side), and by how many columns it leans to the right a row upwards.
    """
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) if side > 1 else np.zeros(1, np.float32)
            for side in grey.shape[1:])  # fmt: skip
    weight = np.abs(grey - border(grey)[:, None, None])
    total = np.maximum(weight.sum(axis=(1, 2)), 1e-6)
    down, across = weight.sum(axis=2), weight.sum(axis=1)
    cy, cx = (down @ y) / total, (across @ x) / total
    yy, xx = (down @ y**2) / total - cy**2, (across @ x**2) / total - cx**2
    xy = np.einsum("syx,y,x->s", weight, y, x, optimize=True) / total - cy * cx
    slant = np.where(yy > 1e-4, -xy / np.maximum(yy, 1e-4), 0)
    detail = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)) if grey.shape[1] > 1 else np.zeros(len(grey))
    columns = (grey.mean(axis=(1, 2)), grey.std(axis=(1, 2)), detail, cx, cy, slant,
               np.sqrt(np.maximum(xx + yy, 0)))  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def border(grey: Float) -> Float:
    """Return the mean brightness of the outermost pixels, dims (sample,)."""
    sides = (grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1])
    return np.concatenate(sides, axis=1).mean(axis=1)


def _cells(rows: NDArray[np.intp], columns: NDArray[np.intp], height: int, width: int) -> Iterator[str]:
    """Say where each cell of a grid is, row by row."""
    for row in range(len(rows)):
        for column in range(len(columns)):
            yield f"{_span('rows', rows, row, height)}, {_span('columns', columns, column, width)}"


def _span(word: str, begins: NDArray[np.intp], place: int, length: int) -> str:
    """Say which pixels a part holds, from 0."""
    last = (begins[place + 1] if place + 1 < len(begins) else length) - 1
    return f"{word} {begins[place]}–{last}" if last > begins[place] else f"{word[:-1]} {last}"
