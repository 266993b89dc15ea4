"""How much room dots and pictures have on a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Positions = NDArray[np.intp]
FAR, NEAR = 0.6, 1.4
"""How large the farthest and the nearest dot of a body are drawn, as shares of one on a plane."""


def dot_sizes(rows: Positions, depth: Floats | None, plain: float) -> Floats:
    """Choose how large the dots of rows are drawn, in pixels: of a body the near ones are larger.

    Parameters
    ----------
    rows : ndarray, dims (dot,)
    depth : ndarray, dims (sample,), or None
        How near each sample of the projection is; None on a plane.
    plain : float
        The size on a plane.
    """
    if depth is None or not len(rows):
        return np.full(len(rows), plain, np.float32)
    low, high = float(depth.min()), float(depth.max())
    share = (depth[rows] - low) / max(high - low, 1e-12)
    return (plain * (FAR + (NEAR - FAR) * share)).astype(np.float32)


def uncovered(x: Floats, y: Floats, room: float) -> list[int]:
    """Choose squares of a side that do not cover each other, the first ones first."""
    free = np.ones(len(x), bool)
    taken = []
    for i in range(len(x)):
        if free[i]:
            taken.append(i)
            free &= np.maximum(np.abs(x - x[i]), np.abs(y - y[i])) >= room
    return taken
