"""Coordinates of a run's samples, as a map shows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nnlens.state import Extent

Floats = NDArray[np.float32]
Positions = NDArray[np.intp]
MARGIN = 0.04
"""Room around a projection, as a share of its longer side."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Coordinates of samples on a plane, and where they come from.

    Attributes
    ----------
    key : str
        The key of the result; empty for a picture of a running job.
    x, y : ndarray, dims (sample,), float32
        Coordinates of the samples that have some.
    z : ndarray, dims (sample,), float32, or None
        How near each is to the eye, of a projection of three components; see `nnlens.ui.core.turning`.
    whole : tuple of float or None
        The extent, where it is not told by the coordinates: that of a body stays the same while it turns.
    positions : ndarray, dims (sample,), int
        Which samples of the run they are.
    title, caption : str
        What was really used, from the attributes of the result.
    total : int
        Samples of the run.
    """

    key: str
    x: Floats
    y: Floats
    positions: Positions
    title: str
    caption: str
    total: int
    z: Floats | None = None
    whole: Extent | None = None

    @cached_property
    def extent(self) -> Extent:
        """The square around all of it, as ``x0, y0, x1, y1``."""
        if self.whole is not None:
            return self.whole
        if not len(self.x):
            return (-1.0, -1.0, 1.0, 1.0)
        low = np.array([self.x.min(), self.y.min()], float)
        high = np.array([self.x.max(), self.y.max()], float)
        half = max((high - low).max() / 2 * (1 + 2 * MARGIN), 1e-6)
        x, y = (low + high) / 2
        return (float(x - half), float(y - half), float(x + half), float(y + half))

    @cached_property
    def row(self) -> Positions:
        """For each position of the run its row here; −1 where it was left out, dims (sample,)."""
        rows = np.full(self.total, -1, np.intp)
        rows[self.positions] = np.arange(len(self.positions))
        return rows

    @cached_property
    def in_order(self) -> bool:
        """Whether the rows are all samples of the run, one after the other."""
        return not self.left_out and bool((self.positions == np.arange(self.total)).all())

    @property
    def left_out(self) -> int:
        """How many samples of the run are not here."""
        return self.total - len(self.positions)


def ball(projection: Projection) -> Extent:
    """Find the square that surrounds three components however they are turned."""
    axes = [projection.x, projection.y, *([] if projection.z is None else [projection.z])]
    if not len(projection.x):
        return (-1.0, -1.0, 1.0, 1.0)
    middles = [float((axis.min() + axis.max()) / 2) for axis in axes]
    squares = sum((axis - np.float32(middle)) ** 2 for axis, middle in zip(axes, middles, strict=True))
    half = max(float(np.sqrt(np.max(squares))) * (1 + 2 * MARGIN), 1e-6)
    x, y = middles[:2]
    return (x - half, y - half, x + half, y + half)
