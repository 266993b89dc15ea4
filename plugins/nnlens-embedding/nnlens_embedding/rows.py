"""Samples as rows of finite numbers, read block by block so that nothing larger than the budget stands in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import AnalysisError
from nnlens_embedding.work import Tick, silent

Float = NDArray[np.float32]
Transform = Callable[[NDArray[np.generic]], NDArray[np.generic]]

BLOCK_BYTES = 64 << 20
MEMORY = 1 << 30
"""Rows up to this many bytes stay in memory; larger ones are read again at every pass."""
LARGE, SMALL = 1e12, 1e-12
"""Beyond these magnitudes squares leave float32, so the rows are scaled to about one."""


class Rows:
    """The finite rows of a variable, as float32 of about unit scale.

    Parameters
    ----------
    variable : DataArray, dims (sample, ...)
        Lazy or not; ``sample`` has int64 ids.
    transform : callable, optional
        Turns a block of the variable into (sample, unit); None flattens.
    memory : int
        Bytes that may be kept.
    tick : callable
        Called with (rows done, rows) while reading.

    Attributes
    ----------
    ids : ndarray, dims (sample,), int64
        Of the rows that are finite.
    left_out : int
        Rows with NaN or infinite values, such as those that overflowed float16, with those that whoever made the
        variable left out before.
    scale : float
        What the values were divided by; a power of two, 1 unless they are extreme.
    constant : bool
        Whether all rows are equal.
    first : ndarray, dims (unit,), float32
        The first row: sums are taken around it, so that an offset shared by all rows costs no digits.

    Raises
    ------
    AnalysisError
        If no row is left.
    """

    def __init__(
        self,
        variable: xr.DataArray,
        transform: Transform | None = None,
        memory: int = MEMORY,
        tick: Tick = silent,
    ) -> None:
        self._variable, self._transform = variable, transform
        rows = variable.sizes["sample"]
        if rows == 0:
            raise AnalysisError("There are no samples to work on.", "Select at least one, or capture some.")
        self.units = self._read(0, 1).shape[1]
        self._step = max(1, min(rows, BLOCK_BYTES // (4 * max(1, self.units))))
        self.scale = 1.0
        self._kept = None if transform else _held(variable)
        copy = self._kept is None and 4 * rows * self.units <= memory
        self._finite = self._scan(rows, tick, np.empty((rows, self.units), np.float32) if copy else None)
        self.ids = variable["sample"].to_numpy()[self._finite].astype(np.int64)
        self.left_out = rows - len(self.ids) + int(variable.attrs.get("left_out", 0))
        if not len(self.ids):
            raise AnalysisError(
                f"All {rows:,} samples have NaN or infinite values here.",
                "Look at an earlier layer, or at the weights and the preprocessing.",
            )
        self._rescale()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of units."""
        return len(self), self.units

    def blocks(self, tick: Tick = silent) -> Iterator[tuple[slice, Float]]:
        """Yield (rows, values) in order; the values are not to be written to."""
        if self._kept is not None:
            for start in range(0, len(self), self._step):
                rows = slice(start, min(len(self), start + self._step))
                tick(start, len(self))
                yield rows, self._kept[rows]
            return
        done = 0
        for start in range(0, len(self._finite), self._step):
            tick(start, len(self._finite))
            values = self._read(start, start + self._step)[self._finite[start : start + self._step]]
            yield (
                slice(done, done + len(values)),
                values if self.scale == 1 else values / np.float32(self.scale),
            )
            done += len(values)

    def array(self) -> Float:
        """Return all rows at once; they are not to be written to."""
        if self._kept is not None:
            return self._kept
        return np.concatenate([values for _, values in self.blocks()])

    def restored(self, values: Float) -> Float:
        """Return lengths and coordinates in the units of the variable, at most the largest float32."""
        if self.scale == 1:
            return values
        largest = float(np.finfo(np.float32).max)
        return np.clip(values.astype(np.float64) * self.scale, -largest, largest).astype(np.float32)

    def _read(self, start: int, stop: int) -> Float:
        block = self._variable.isel(sample=slice(start, stop)).to_numpy()
        block = self._transform(block) if self._transform else block.reshape(len(block), -1)
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(block, dtype=np.float32)

    def _scan(self, rows: int, tick: Tick, copy: Float | None) -> NDArray[np.bool_]:
        """Read everything once: which rows are finite, how large they are, whether they differ; copy these."""
        finite, done = np.zeros(rows, bool), 0
        self._largest, self.constant = 0.0, True
        for start in range(0, rows, self._step):
            tick(start, rows)
            values = self._read(start, start + self._step)
            good = finite_rows(values)
            finite[start : start + len(values)] = good
            values = values if good.all() else values[good]
            if len(values):
                self.first = values[0].copy() if done == 0 else self.first
                self._largest = max(self._largest, float(values.max()), -float(values.min()))
                self.constant = self.constant and bool((values == self.first).all())
            if copy is not None:
                copy[done : done + len(values)] = values
            done += len(values)
        if copy is not None:
            self._kept = copy[:done]
        elif self._kept is not None and done < rows:
            self._kept = self._kept[finite]
        return finite

    def _rescale(self) -> None:
        if self._largest > LARGE or 0 < self._largest < SMALL:
            self.scale = float(2.0 ** np.floor(np.log2(self._largest)))
            self.first = self.first / np.float32(self.scale)
            if self._kept is not None:
                self._kept = self._kept / np.float32(self.scale)


def _held(variable: xr.DataArray) -> Float | None:
    """Return the variable's own numbers where they stand in memory as float32, which saves a copy."""
    if not getattr(variable, "_in_memory", False):  # asking for `data` would load what is lazy
        return None
    data = variable.data
    plain = isinstance(data, np.ndarray) and data.ndim == 2 and data.dtype == np.float32
    return data if plain and data.flags.c_contiguous else None


def finite_rows(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which rows hold finite values only."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = values.sum(
            axis=1
        )  # one pass; NaN and infinity survive a sum, but so does an overflow of large values
    finite = np.isfinite(sums)
    doubtful = np.flatnonzero(~finite)
    finite[doubtful] = np.isfinite(values[doubtful]).all(axis=1)
    return finite
