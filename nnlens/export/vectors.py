"""Rows of a layer on their way out: the finite ones, in blocks, reduced to their principal components where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

BLOCK_BYTES = 32 << 20
EXACT = 2048
"""Up to this many units the covariance matrix is decomposed; above, its leading part is found by iteration."""
PASSES = 4
OVERSAMPLING = 10

Tick = Callable[[float, float, str], None]
Double = NDArray[np.float64]


class FiniteRows:
    """The rows of a layer that have only finite numbers.

    Parameters
    ----------
    vectors : DataArray, dims (sample, unit)
        Read in blocks.
    tick : callable
        Told (done, total, words).

    Attributes
    ----------
    finite : ndarray of bool, dims (sample,)
    first : ndarray, dims (unit,)
        The first of them: sums are taken around it, so that what all rows share costs no digits.
    """

    def __init__(self, vectors: xr.DataArray, tick: Tick) -> None:
        self._vectors, self._tick = vectors, tick
        self.units = int(vectors.sizes["unit"])
        self._step = max(1, BLOCK_BYTES // max(4 * self.units, 1))
        self.finite = np.ones(vectors.sizes["sample"], bool)
        found = [np.isfinite(block).all(axis=1) for block in self._read("reading the layer")]
        self.finite = np.concatenate(found) if found else self.finite
        self.first = np.zeros(self.units)
        if self.finite.any():
            self.first = next(self.blocks("reading the layer"))[0].astype(np.float64)

    def __len__(self) -> int:
        return int(self.finite.sum())

    def _read(self, words: str) -> Iterator[NDArray[np.float32]]:
        total = self._vectors.sizes["sample"]
        for start in range(0, total, self._step):
            self._tick(start, total, words)
            yield np.asarray(self._vectors.isel(sample=slice(start, start + self._step)).values, np.float32)

    def blocks(self, words: str) -> Iterator[NDArray[np.float32]]:
        """Yield the finite rows, in order."""
        start = 0
        for block in self._read(words):
            kept = block[self.finite[start : start + len(block)]]
            start += len(block)
            if len(kept):
                yield kept


class Components:
    """The principal components of rows.

    Parameters
    ----------
    rows : FiniteRows
    count : int
        How many; no more than there are rows or units.

    Attributes
    ----------
    axes : ndarray, dims (component, unit)
        Unit vectors, the largest variance first; the entry of largest magnitude of each is positive.
    kept : float
        Share of the variance along them.

    References
    ----------
    .. [1] Halko, Martinsson, Tropp, Finding structure with randomness, 2011, arXiv 0909.4061.
    """

    def __init__(self, rows: FiniteRows, count: int) -> None:
        self._rows = rows
        count = min(count, rows.units, len(rows))
        self.mean, total = _moments(rows)
        axes, variance = _exact(rows, self.mean) if rows.units <= EXACT else _leading(rows, self.mean, count)
        self.axes = _signed(axes[:count])
        self.kept = float(variance[:count].sum() / total) if total > 0 else 1.0

    def blocks(self, words: str) -> Iterator[NDArray[np.float32]]:
        """Yield the coordinates (sample, component) of the rows."""
        for block in self._rows.blocks(words):
            yield ((block - self.mean) @ self.axes.T).astype(np.float32)


def _moments(rows: FiniteRows) -> tuple[Double, float]:
    """Return the mean, dims (unit,), and the variance of all units together, times the number of rows."""
    total, square = np.zeros(rows.units), np.zeros(rows.units)
    for block in rows.blocks("averaging"):
        apart = block - rows.first
        total += apart.sum(axis=0)
        square += (apart**2).sum(axis=0)
    shift = total / len(rows)
    return rows.first + shift, float((square - len(rows) * shift**2).sum())


def _exact(rows: FiniteRows, mean: Double) -> tuple[Double, Double]:
    """Return all axes and the variances along them, from the covariance matrix."""
    square = np.zeros((rows.units, rows.units))
    for block in rows.blocks("finding directions"):
        apart = block - mean
        square += apart.T @ apart
    variance, axes = np.linalg.eigh(square)
    return axes.T[::-1], np.maximum(variance[::-1], 0)


def _leading(rows: FiniteRows, mean: Double, count: int) -> tuple[Double, Double]:
    """Return the leading axes and the variances along them: powers of the covariance applied to random directions."""
    rng = np.random.default_rng(0)  # decides less than the rounding of float32 does
    width = min(count + OVERSAMPLING, rows.units, len(rows))
    base = np.linalg.qr(rng.standard_normal((rows.units, width)))[0]
    square = np.zeros((width, width))
    for _ in range(PASSES):
        image = np.zeros_like(base)
        for block in rows.blocks("finding directions"):
            apart = block - mean
            image += apart.T @ (apart @ base)
        square = base.T @ image
        base, before = np.linalg.qr(image)[0], base
    variance, turn = np.linalg.eigh((square + square.T) / 2)
    return (before @ turn).T[::-1], np.maximum(variance[::-1], 0)


def _signed(axes: Double) -> Double:
    """Turn each axis so that its largest entry is positive: a sign that does not hang on the library."""
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return axes * np.where(largest < 0, -1, 1)[:, None]
