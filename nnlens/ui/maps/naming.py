"""Where the names of classes stand on a map: at the densest part of each, none on another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nnlens.state import Extent, Mask

Spot = tuple[int, float, float]
"""A class, and where its name stands in the map's own coordinates."""
GRID = 40
"""Cells a side in which the densest part of a class is looked for."""
BLUR = 2.0
REACH = 3
"""Cells around the densest one whose middle is taken."""
MOST = 30
LEAST = 0.004
"""Share of the samples in view that a class needs to be named."""
HALF, SIGN, LINE = 11.0, 3.3, 18.0
"""Room a name takes, in pixels: half the width of its frame, half that of a sign, and its height."""
LONGEST = 18


def short(name: str) -> str:
    """Cut the name of a class to what fits on a map."""
    words = " ".join(name.split()) or "–"
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def classes_in(codes: NDArray[np.int32], mask: Mask) -> set[int]:
    """Tell which classes there are in a selection; −1 is none."""
    chosen = codes[np.flatnonzero(mask)]
    return set(np.flatnonzero(np.bincount(chosen[chosen >= 0])).tolist())


def peaks(
    x: NDArray[np.float32], y: NDArray[np.float32], codes: NDArray[np.int32], view: Extent
) -> list[Spot]:
    """Find for each class, most samples first, the middle of its densest part in view.

    Parameters
    ----------
    x, y : ndarray, dims (sample,), float32
        Samples in view.
    codes : ndarray of int, dims (sample,)
        Their classes; those below zero have no name.
    view : tuple of float
        ``x0, y0, x1, y1``.
    """
    x0, y0, x1, y1 = view
    known = codes >= 0
    column = np.clip((x[known] - x0) * (GRID / (x1 - x0)), 0, GRID - 1).astype(np.intp)
    row = np.clip((y[known] - y0) * (GRID / (y1 - y0)), 0, GRID - 1).astype(np.intp)
    sizes = np.bincount(codes[known], minlength=1)
    enough = max(3, LEAST * len(codes))
    largest = [int(c) for c in np.argsort(-sizes, kind="stable")[:MOST] if sizes[c] >= enough]
    place = np.full(
        len(sizes), -1, np.intp
    )  # a grid for the named ones alone: there may be thousands of classes
    place[largest] = np.arange(len(largest))
    grid = place[codes[known]]
    cells = (grid * GRID**2 + column * GRID + row)[grid >= 0]
    counts = np.bincount(cells, minlength=len(largest) * GRID**2).reshape(-1, GRID, GRID)
    middles = [(c, *_densest(each)) for c, each in zip(largest, counts, strict=True)]
    return [(c, x0 + across * (x1 - x0), y0 + up * (y1 - y0)) for c, across, up in middles]


def _densest(counts: NDArray[np.intp]) -> tuple[float, float]:
    """Find the middle of the densest part of a grid of counts, dims (x, y), as shares of its sides."""
    smooth = gaussian_filter(counts.astype(np.float32), BLUR)
    column, row = np.unravel_index(int(smooth.argmax()), smooth.shape)
    x, y = np.ogrid[:GRID, :GRID]
    near = counts * (np.hypot(x - column, y - row) <= REACH)
    total = max(int(near.sum()), 1)
    return float((near * (x + 0.5)).sum() / total / GRID), float((near * (y + 0.5)).sum() / total / GRID)


def apart(spots: Sequence[Spot], texts: Sequence[str], unit: float) -> list[Spot]:
    """Move names up or down until none lies on another; one that finds no room is left out.

    Parameters
    ----------
    spots : sequence
        Where each wants to be; the first go first.
    texts : sequence of str
        What is written there.
    unit : float
        How much of the map's coordinates a pixel is.
    """
    taken: list[tuple[float, float, float]] = []
    placed: list[Spot] = []
    for (code, x, y), text in zip(spots, texts, strict=True):
        half = (HALF + SIGN * (len(text) - 1)) * unit
        tries = (y + LINE * unit * step for step in (0, 1, -1, 2, -2))
        free = (
            t for t in tries if all(abs(x - a) >= half + c or abs(t - b) >= LINE * unit for a, b, c in taken)
        )
        spot = next(free, None)
        if spot is not None:
            taken.append((x, spot, half))
            placed.append((code, x, spot))
    return placed
