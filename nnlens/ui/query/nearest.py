"""The samples nearest to a vector in a search space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Metric = Literal["L2", "cosine"]
METRICS: Mapping[Metric, str] = {"L2": "distance (L2)", "cosine": "angle (cosine)"}
SPARE = 8
ROUNDING = 1e-5
"""Of float32, in which the nearest are sought before they are put in order."""


def place_of(space: xr.Dataset, vector: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bring the pooled channels of a picture into a search space, dims (component,)."""
    return (vector - space["center"].values) @ space["axis"].values.T


def nearest(
    vectors: NDArray[np.float32], place: NDArray[np.floating], count: int, metric: Metric
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the nearest rows, equally near ones in the order of the rows.

    Parameters
    ----------
    vectors : ndarray, dims (sample, component)
    place : ndarray, dims (component,)
    count : int
    metric : {"L2", "cosine"}
        Distance, or 1 minus the cosine of the angle, seen from the mean of all samples.

    Returns
    -------
    rows : ndarray, dims (rank,)
    away : ndarray, dims (rank,)
    """
    count = min(count, len(vectors))
    if not count:
        return np.empty(0, np.intp), np.empty(0)
    rough = _away(vectors, place.astype(np.float32), metric)
    few = min(count + SPARE, len(vectors))
    # all that are as near as the last one, for of equal ones the first rows are to come
    last = float(np.partition(rough, few - 1)[few - 1])
    found = np.flatnonzero(rough <= last + ROUNDING * (1 + abs(last)))
    away = _away(vectors[found].astype(np.float64), place.astype(np.float64), metric)
    order = np.lexsort((found, away))[:count]
    return found[order], away[order].astype(np.float64)


def _away(vectors: NDArray[np.floating], place: NDArray[np.floating], metric: Metric) -> NDArray[np.floating]:
    if metric == "L2":
        return np.linalg.norm(vectors - place, axis=1)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(place)
    return 1 - (vectors @ place) / np.where(lengths > 0, lengths, 1)
