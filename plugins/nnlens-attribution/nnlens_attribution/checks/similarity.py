"""How alike two maps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnlens.models.base import Float


def similarity(one: Float, other: Float) -> float:
    """Return Spearman's rank correlation of the absolute values of a map with those of another.

    1 for equal maps, also for constant ones; 0 where only the other is constant; NaN where the map itself is, for it
    ranks nothing that could be lost.
    """
    first, second = np.abs(one).ravel(), np.abs(other).ravel()
    if np.array_equal(first, second):
        return 1.0
    ranks = [centered(values) for values in (first, second)]
    lengths = [float(np.linalg.norm(each)) for each in ranks]
    if not lengths[0]:
        return float("nan")
    return float(ranks[0] @ ranks[1] / (lengths[0] * lengths[1])) if lengths[1] else 0.0


def centered(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ranks less their mean; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = counts.cumsum() - (counts - 1) / 2
    return np.asarray(rank[inverse] - (values.size + 1) / 2, np.float64)
