"""A layer read block by block, so that never more than a few megabytes of it stand in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens_channels.kernels import measure

Float = NDArray[np.float32]
Double = NDArray[np.float64]

BLOCK_BYTES = 16 << 20
BLOCK_ROWS = 2048
"""A block is a power of two of samples, as the shards of a run and their chunks are, so that each is decoded once."""


@dataclass(frozen=True)
class Block:
    """The finite samples of a piece of a layer, with the measures of each map.

    Attributes
    ----------
    ids : ndarray, dims (sample,), int64
    maps : ndarray, dims (sample, channel, place), float32
        The places of a map row by row; one for a unit of a flat layer.
    low, high : ndarray, dims (sample, channel), float32
    total, size : ndarray, dims (sample, channel), float64
        Sum of the values, and of the absolute values.
    """

    ids: NDArray[np.int64]
    maps: Float
    low: Float
    high: Float
    total: Double
    size: Double


class Layer:
    """A layer's output as blocks of finite samples.

    Parameters
    ----------
    variable : DataArray, dims (sample, channel, y, x) or (sample, unit)
        Lazy or not; ``sample`` has int64 ids.
    context : Context
    channel : int, optional
        The only one that is read; all when left out.

    Attributes
    ----------
    rows, channels : int
        Samples, and channels or units.
    form : tuple of int
        Height and width of a map; 1, 1 for a flat layer.
    flat : bool
    used : int
        Finite samples that were read in the last pass.

    Raises
    ------
    AnalysisError
        If there are no samples.
    """

    def __init__(self, variable: xr.DataArray, context: Context, channel: int | None = None) -> None:
        if channel is not None:
            variable = variable.isel({variable.dims[1]: [channel]})
        self._variable, self._context = variable, context
        self.rows, self.channels, *form = variable.shape
        self.flat = not form
        self.form = (1, 1) if self.flat else (int(form[0]), int(form[1]))
        self.used = 0
        if not self.rows:
            raise AnalysisError("There are no samples to work on.", "Select at least one, or capture some.")

    @property
    def places(self) -> int:
        """Values of a channel in one sample."""
        return self.form[0] * self.form[1]

    @property
    def left_out(self) -> int:
        """Samples with NaN or infinite values."""
        return self.rows - self.used

    @property
    def step(self) -> int:
        """Samples in a block."""
        fitting = max(1, BLOCK_BYTES // (4 * self.channels * self.places))
        return min(BLOCK_ROWS, 1 << (fitting.bit_length() - 1))

    def blocks(self, message: str = "reading the layer") -> Iterator[Block]:
        """Yield the samples whose values are finite, in order.

        Raises
        ------
        AnalysisError
            At the end, if there was none.
        JobCancelledError
            If nobody waits for the result any more.
        """
        self.used = 0
        for start in range(0, self.rows, self.step):
            if self._context.cancelled:
                raise JobCancelledError(f"Cancelled while {message}.")
            self._context.progress(start, self.rows, message)
            block = self._read(start)
            self.used += len(block.ids)
            if len(block.ids):
                yield block
        if not self.used:
            raise AnalysisError(
                f"All {self.rows:,} samples have NaN or infinite values here.",
                "Look at an earlier layer, or at the weights and the preprocessing.",
            )

    def _read(self, start: int) -> Block:
        piece = self._variable.isel(sample=slice(start, start + self.step))
        maps = np.ascontiguousarray(piece.to_numpy(), np.float32)
        maps = maps.reshape(len(maps), self.channels, self.places)
        form = maps.shape[:2]
        low, high = np.empty(form, np.float32), np.empty(form, np.float32)
        total, size = np.empty(form), np.empty(form)
        measure(maps, low, high, total, size)
        ids = piece["sample"].to_numpy().astype(np.int64)
        finite = np.isfinite(size).all(axis=1)
        if finite.all():
            return Block(ids, maps, low, high, total, size)
        return Block(*(each[finite] for each in (ids, maps, low, high, total, size)))
