"""Principal components of many rows: exact where the covariance is small, block Lanczos where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from nnlens_embedding.rows import Float, Rows
from nnlens_embedding.work import Tick, silent

Double = NDArray[np.float64]

EXACT = 1024
"""Up to this many units (or rows) the whole spectrum is computed; a 4,096² one takes 3 times as long as `lanczos`."""
EXACT_SPECTRUM = 4096
"""The same where a share of the variance is asked for, which needs the whole spectrum."""
PASSES = 4
OVERSAMPLING = 10
LARGEST_BASIS = 512


@dataclass(frozen=True)
class Basis:
    """Orthogonal directions of largest variance.

    Attributes
    ----------
    mean : ndarray, dims (unit,)
    axes : ndarray, dims (component, unit)
        Unit vectors; the entry of largest magnitude is positive.
    variance : ndarray, dims (component,)
        Along each axis, largest first.
    total : float
        Variance of all units together.
    """

    mean: Double
    axes: Double
    variance: Double
    total: float

    @property
    def ratio(self) -> Double:
        """The share of the variance along each axis; zeros where there is none."""
        return self.variance / self.total if self.total > 0 else np.zeros_like(self.variance)

    def first(self, components: int) -> Basis:
        """Return the basis of the first components."""
        return Basis(self.mean, self.axes[:components], self.variance[:components], self.total)


def principal_axes(
    rows: Rows, components: int, rng: np.random.Generator, tick: Tick = silent, exact: int = EXACT
) -> Basis:
    """Return up to `components` axes; fewer where the rows span less.

    Parameters
    ----------
    rows : Rows, dims (sample, unit)
    components : int
    rng : Generator
        Start of the iteration; the axes depend on it by less than the rounding of float32.
    tick : callable
        Told (passes done, passes).
    exact : int
        The side up to which the whole matrix is decomposed.

    References
    ----------
    .. [1] Halko, Martinsson, Tropp, Finding structure with randomness, 2011, arXiv 0909.4061.
    """
    samples, units = rows.shape
    if min(samples, units) <= exact:
        basis = gram_basis(rows) if samples < units else covariance_basis(rows, components, tick)
    else:
        basis = lanczos(rows, components, rng, tick)
    return basis.first(components)


def axes_for_share(rows: Rows, share: float, rng: np.random.Generator, tick: Tick = silent) -> Basis:
    """Return the fewest axes that together keep at least `share` of the variance.

    Past `LARGEST_BASIS` axes of very wide rows the search ends; the basis then tells the share that it keeps.
    """
    if min(rows.shape) <= EXACT_SPECTRUM:
        basis = principal_axes(rows, min(rows.shape), rng, tick, exact=EXACT_SPECTRUM)
        return basis.first(components_for(basis.ratio, share))
    for components in (64, 128, 256, LARGEST_BASIS):
        basis = lanczos(rows, components, rng, tick)
        if basis.ratio.sum() >= share:
            break
    return basis.first(components_for(basis.ratio, share))


def components_for(ratio: Double, share: float) -> int:
    """Return the smallest number of components whose ratios add up to at least `share`."""
    return min(len(ratio), int(np.searchsorted(np.cumsum(ratio), share - 1e-9)) + 1)


def project(rows: Rows, basis: Basis, tick: Tick = silent) -> Float:
    """Return the coordinates (sample, component) of the rows, in the rows' own scale."""
    out = np.empty((len(rows), len(basis.axes)), np.float32)
    axes = basis.axes.T.astype(np.float32)
    offset = (basis.mean @ basis.axes.T).astype(np.float32)
    for block, values in rows.blocks(tick):
        np.subtract(values @ axes, offset, out=out[block])
    return out


def covariance_basis(rows: Rows, components: int, tick: Tick = silent) -> Basis:
    """Decompose the covariance matrix, which is gathered in one pass."""
    mean, covariance = moments(rows, tick)
    units = len(mean)
    first = max(0, units - components)
    variance, axes = eigh(covariance, subset_by_index=(first, units - 1), driver="evr")
    return _basis(mean, axes.T[::-1], variance[::-1], float(np.trace(covariance)), _noise(rows))


def moments(rows: Rows, tick: Tick = silent) -> tuple[Double, Double]:
    """Return the mean and the covariance (unit, unit), accumulated in float64 around the first row."""
    units = rows.units
    total, square = np.zeros(units), np.zeros((units, units))
    for _, values in rows.blocks(tick):
        centered = values - rows.first
        total += centered.sum(axis=0, dtype=np.float64)
        square += centered.T @ centered
    mean = total / len(rows)
    return mean + rows.first, (square - len(rows) * np.outer(mean, mean)) / max(1, len(rows) - 1)


def gram_basis(rows: Rows) -> Basis:
    """Decompose the products of the rows, where there are fewer rows than units."""
    values = rows.array().astype(np.float64)
    mean = values.mean(axis=0)
    values -= mean
    squares, left = eigh(values @ values.T)
    kept = squares[::-1] > max(squares[-1], 0) * 1e-12
    left, squares = left[:, ::-1][:, kept], squares[::-1][kept]
    axes = (left / np.sqrt(squares)).T @ values
    degrees = max(1, len(rows) - 1)
    return _basis(mean, axes, squares / degrees, float((values**2).sum()) / degrees, _noise(rows))


def lanczos(rows: Rows, components: int, rng: np.random.Generator, tick: Tick = silent) -> Basis:
    """Find the leading axes in the span of start, C·start, C²·start …, each product one pass over the rows.

    The whole span is searched, not only its last block: with 4 passes over 60,000 × 4,096 it keeps what plain
    power iteration loses.
    """
    units = rows.units
    mean, total = _mean_and_variance(rows)
    width = min(components + OVERSAMPLING, units // PASSES)
    block = rng.standard_normal((units, width))
    span, images = np.empty((units, 0)), np.empty((units, 0))
    for done in range(PASSES):
        tick(done, PASSES)
        block -= span @ (span.T @ block)
        block = np.linalg.qr(block - span @ (span.T @ block))[0]
        image = _covariance_times(rows, mean, block)
        span, images = np.hstack([span, block]), np.hstack([images, image])
        block = image
    small = span.T @ images
    variance, inside = np.linalg.eigh((small + small.T) / 2)
    order = np.argsort(variance)[::-1][:components]
    return _basis(mean, (span @ inside[:, order]).T, variance[order], total, _noise(rows))


def _mean_and_variance(rows: Rows) -> tuple[Double, float]:
    total, square = np.zeros(rows.units), 0.0
    for _, values in rows.blocks():
        centered = values - rows.first
        total += centered.sum(axis=0, dtype=np.float64)
        square += sum(float(np.vdot(row, row)) for row in np.array_split(centered, 16))
    mean = total / len(rows)
    return mean + rows.first, max(0.0, (square - len(rows) * float(mean @ mean)) / max(1, len(rows) - 1))


def _covariance_times(rows: Rows, mean: Double, block: Double) -> Double:
    """Return the covariance times a block (unit, column) without forming the covariance."""
    thin = block.astype(np.float32)
    offset = (mean @ block).astype(np.float32)
    out, column_sums = np.zeros(block.shape), np.zeros(block.shape[1])
    for _, values in rows.blocks():
        coordinates = values @ thin - offset
        out += values.T @ coordinates
        column_sums += coordinates.sum(axis=0, dtype=np.float64)
    return (out - np.outer(mean, column_sums)) / max(1, len(rows) - 1)


def _noise(rows: Rows) -> float:
    """Return the share of the variance below which an axis is rounding of float32."""
    return float(np.finfo(np.float32).eps) * 1e-3 * max(rows.shape) ** 0.5


def _basis(mean: Double, axes: Double, variance: Double, total: float, noise: float) -> Basis:
    """Drop what is only rounding, and fix the signs."""
    kept = variance > max(total, 0.0) * noise
    axes, variance = np.ascontiguousarray(axes[kept]), variance[kept]
    if len(axes):
        axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return Basis(mean, axes, variance, total)
