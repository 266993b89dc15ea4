"""The arrays of a run as xarray wants them: named dimensions, sample ids, values only when they are asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from xarray.indexes import PandasIndex

from nnlens.store.commit import Commit
from nnlens.store.layout import STRING
from nnlens.store.lazy import Read, lazy_array
from nnlens.store.shards import ShardedArray

IMAGES = "samples/image"
IDS = "samples/id"
DEPTHS = {"samples": 2, "layers": 3}
"""Length of an array's path, by the group it belongs to."""


class RunArrays:
    """All arrays of a run, opened when they are first used.

    Parameters
    ----------
    folder : Path
        Of the run.
    commit : Commit
        What may be read.
    """

    def __init__(self, folder: Path, commit: Commit) -> None:
        self._folder = folder
        self._commit = commit
        self._opened: dict[str, ShardedArray] = {}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Paths of all arrays: what lies in ``samples`` and in each layer."""
        parents = [PurePosixPath(key).parent.parts for key in sorted(self._commit.metadata)]
        return tuple(
            "/".join(parts) for parts in parents if len(parts) == DEPTHS.get(parts[0] if parts else "")
        )

    def __getitem__(self, path: str) -> ShardedArray:
        if path not in self._opened:
            self._opened[path] = ShardedArray(self._folder, path, self._commit)
        return self._opened[path]

    def read(self, path: str) -> NDArray[Any]:
        """Read all committed samples of an array."""
        return self[path].read(np.arange(self._commit.rows))

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """Ids of the committed samples, dims (sample,)."""
        ids = self.read(IDS)
        ids.flags.writeable = False
        return ids

    @cached_property
    def index(self) -> pd.Index:
        """The ids, to be looked up in; all arrays share it, for it takes a while to build."""
        return pd.Index(self.ids, name="sample")

    @cached_property
    def coords(self) -> xr.Coordinates:
        """The ids as coordinate of the dimension ``sample``."""
        return xr.Coordinates.from_xindex(PandasIndex(self.index, "sample"))

    def variable(self, path: str, load: bool = False) -> xr.DataArray:
        """Return an array with its dimensions and ids, lazily unless `load` says otherwise."""
        array = self[path]
        name = path.rpartition("/")[2]
        if load:
            return xr.DataArray(self.read(path), self.coords, array.layout.dims, name)
        read, dtype = (as_objects(array.read), object) if array.dtype == STRING else (array.read, array.dtype)
        return lazy_array(read, array.layout.dims, array.shape, dtype, self.coords, name)

    def pixels(self, path: str = IMAGES) -> xr.DataArray:
        """Return the images as the network's first layer would show them: from 0 to 1, channels first."""
        images = self[path]
        count, height, width, channels = images.shape

        def read(positions: NDArray[np.intp]) -> NDArray[np.float32]:
            return np.divide(images.read(positions).transpose(0, 3, 1, 2), np.float32(255), dtype=np.float32)

        dims, shape = ("sample", "channel", "y", "x"), (count, channels, height, width)
        return lazy_array(read, dims, shape, np.float32, self.coords, "activation")


def as_objects(read: Read) -> Read:
    """Return texts as plain objects: not every library knows numpy's new strings."""
    return lambda positions: read(positions).astype(object)
