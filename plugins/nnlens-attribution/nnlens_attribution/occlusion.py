"""Occlusion: how much of the target's logit is lost when a patch is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnlens.models.base import Float
from nnlens_attribution.masking import Score, pieces

Spot = tuple[slice, slice]


def spots(height: int, width: int, side: int, stride: int) -> list[Spot]:
    """Return the rows and columns of all patches, row by row; those at the end are cut off by the border."""
    rows, columns = _along(height, side, stride), _along(width, side, stride)
    return [(row, column) for row in rows for column in columns]


def _along(pixels: int, side: int, stride: int) -> list[slice]:
    steps = 1 + math.ceil(max(pixels - side, 0) / stride)
    return [slice(step * stride, min(step * stride + side, pixels)) for step in range(steps)]


def occlude(
    image: Float, fill: Float, hidden: list[Spot], score: Score, batch: int, tick: Callable[[int], object]
) -> Float:
    """Return the mean over the patches that cover a pixel (y, x) of what each takes from the score.

    Parameters
    ----------
    image, fill : ndarray, dims (channel, y, x)
        In the network's own units.
    hidden : list of pairs of slices
        The patches, which cover every pixel.
    score : callable
        Inputs → the target's number (sample,).
    batch : int
        Patches in one pass.
    tick : callable
        Told how many patches are done.
    """
    whole = score(image[None])[0]
    total, covered = np.zeros((2, *image.shape[1:]), np.float64)
    for part in pieces(len(hidden), batch):
        drops = whole - score(_copies(image, fill, hidden[part]))
        for spot, drop in zip(hidden[part], drops, strict=True):
            total[spot] += drop
            covered[spot] += 1
        tick(part.stop)
    return (total / covered).astype(np.float32)


def _copies(image: Float, fill: Float, hidden: list[Spot]) -> Float:
    copies = np.repeat(image[None], len(hidden), axis=0)
    for copy, (rows, columns) in zip(copies, hidden, strict=True):
        copy[:, rows, columns] = fill[:, rows, columns]
    return copies
