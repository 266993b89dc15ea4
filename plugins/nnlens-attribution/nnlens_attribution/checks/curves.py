"""Curves of deletion and insertion: the target while the pixels that a map ranks highest are changed first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnlens.models.base import Float
from nnlens_attribution.batches import pieces
from nnlens_attribution.masking import Score, placed


def ranking(attribution: Float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return pixels by number, row by row, the highest value first; equal ones in random order.

    Without chance a map that is zero in most places would be followed from the top of the image to its bottom.

    Parameters
    ----------
    attribution : ndarray, dims (y, x) or (channel, y, x)
        Channels are added up.
    rng : Generator
    """
    values = attribution.sum(axis=0) if attribution.ndim == 3 else attribution
    return np.lexsort((rng.random(values.size), -values.ravel()))


def shares(steps: int, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many pixels are changed at each step, from none to all, and which share of them that is.

    There are no more steps than pixels.
    """
    counts = np.round(np.linspace(0, pixels, min(steps, pixels) + 1)).astype(np.int64)
    return counts, counts / pixels


def curve(
    start: Float, end: Float, order: NDArray[np.int64], counts: NDArray[np.int64], score: Score, batch: int
) -> Float:
    """Return the score (step,) of `start` whose first pixels in the order are those of `end`.

    Parameters
    ----------
    start, end : ndarray, dims (channel, y, x)
    order : ndarray of int
        Pixels by number.
    counts : ndarray of int
        Pixels that are changed at each step.
    score : callable
        Inputs → the target's probability (sample,).
    batch : int
        Steps in one pass.
    """
    place, parts = placed(order), []
    for part in pieces(len(counts), batch):
        changed = (place < counts[part, None]).reshape(-1, *start.shape[1:])
        parts.append(score(np.where(changed[:, None], end, start).astype(np.float32, copy=False)))
    return np.concatenate(parts).astype(np.float32)


def area(values: Float, share: NDArray[np.float64]) -> Float:
    """Return the area (sample,) under curves (sample, step) by the trapezoid rule."""
    return np.trapezoid(values, share, axis=1).astype(np.float32)
