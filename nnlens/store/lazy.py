"""Lazy DataArrays over anything that can be read by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

Read = Callable[[NDArray[np.intp]], NDArray[Any]]
"""A function of positions (sample,) that returns values (sample, ...)."""


class SampleArray(BackendArray):
    """Give xarray an array that is read by sample, and only when values are asked for.

    Parameters
    ----------
    read : callable
        Gets positions and returns the values of those samples.
    shape : tuple of int
    dtype : dtype
    """

    def __init__(self, read: Read, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if not isinstance(key, indexing.VectorizedIndexer):
            return self._outer(key.tuple)  # xarray's adapter stumbles over empty slices with a negative step
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._outer
        )

    def _outer(self, key: tuple[Any, ...]) -> NDArray[Any]:
        positions = positions_of(key[0], self.shape[0])
        values = self._read(np.atleast_1d(positions))
        for axis in reversed(range(1, len(key))):  # from the last: an integer takes its axis away
            values = values[(slice(None),) * axis + (key[axis],)]
        return values if np.ndim(positions) else values[0]


def positions_of(key: Any, size: int) -> NDArray[np.intp]:
    """Return what an index of numpy picks from so many places; none of them is negative."""
    if isinstance(key, slice):
        return np.arange(*key.indices(size))
    positions = np.asarray(key, np.intp)
    return np.where(positions < 0, positions + size, positions)


def lazy_array(
    read: Read,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: DTypeLike,
    ids: NDArray[np.int64] | xr.Coordinates,
    name: str = "",
) -> xr.DataArray:
    """Build a lazy DataArray with sample ids as coordinate.

    Parameters
    ----------
    read : callable
        Gets positions (sample,) and returns values (sample, ...).
    dims : tuple of str
        The first is ``sample``.
    shape : tuple of int
    dtype : dtype
    ids : ndarray of int64, dims (sample,), or Coordinates
        Arrays that are given the same Coordinates share the index, which takes a while to build.
    name : str
        Of the array.
    """
    data = indexing.LazilyIndexedArray(SampleArray(read, shape, dtype))
    coords = ids if isinstance(ids, xr.Coordinates) else {"sample": ids}
    return xr.DataArray(xr.Variable(dims, data), coords=coords, name=name or None)
