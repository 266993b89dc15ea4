"""Shards: the files that hold a batch of an array, read by sample."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import StoreDamagedError
from nnlens.store.checking import check_no_link, damaged, missing, read_metadata
from nnlens.store.commit import Commit
from nnlens.store.encoding import CHECKSUM_BYTES, NOTHING, Decode, checked, decoders
from nnlens.store.layout import DATA, METADATA, STRING, ArrayLayout, empty, parse_layout

NO_LINKS_NO_WAITING = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening; a run from a stranger may hold a link or a pipe in place of a shard."""


class ShardedArray:
    """One committed array of a run, read by sample.

    Parameters
    ----------
    folder : Path
        The run's folder.
    path : str
        Of the array inside ``data.zarr``.
    commit : Commit
        What may be read.

    Raises
    ------
    StoreDamagedError
        If the array's metadata is missing or changed.
    """

    def __init__(self, folder: Path, path: str, commit: Commit) -> None:
        self._root = folder / DATA
        metadata = read_metadata(self._root, f"{path}/{METADATA}", commit.metadata)
        self.layout, codecs = parse_layout(path, metadata)
        self.shape = (commit.rows, *self.layout.shape[1:])
        self._decoders = decoders(codecs, path)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self.layout.dtype

    def read(self, positions: NDArray[np.intp]) -> NDArray[Any]:
        """Read samples.

        Parameters
        ----------
        positions : ndarray of int, dims (sample,)
            In the run, in any order, below the committed ones.

        Returns
        -------
        ndarray, dims (sample, ...)

        Raises
        ------
        StoreDamagedError
            Naming the shard that is missing, a link, or does not match its checksums.
        """
        out = empty(self.layout, len(positions))
        if not len(positions):
            return out
        shard = self.layout.shard
        for number, places in groups(positions // shard):
            self._read_shard(number, positions[places] - number * shard, out, places)
        return out

    def _read_shard(
        self, number: int, rows: NDArray[np.intp], out: NDArray[Any], places: NDArray[np.intp]
    ) -> None:
        key = self.layout.shard_key(number)
        chunk = self.layout.chunk
        with self._open(key) as file:
            try:
                shard = Shard(file, self.layout, self._decoders)
                for index, inside in groups(rows // chunk):
                    out[as_slice(places[inside])] = shard.chunk(index)[as_slice(rows[inside] - index * chunk)]
            except StoreDamagedError:
                raise
            except Exception as error:  # whatever a decoder says of bytes that were changed
                raise damaged(self._root, key) from error

    def check(self, number: int) -> int:
        """Decode all committed chunks of a shard and return how many these are.

        Raises
        ------
        StoreDamagedError
            As `read` does.
        """
        start = number * self.layout.shard
        rows = np.arange(start, min(start + self.layout.shard, self.shape[0]))
        self.read(rows)
        return -(-len(rows) // self.layout.chunk)

    def _open(self, key: str) -> BinaryIO:
        try:
            descriptor = os.open(self._root / key, os.O_RDONLY | NO_LINKS_NO_WAITING)
        except FileNotFoundError:
            raise missing(self._root, key) from None
        except OSError:
            check_no_link(self._root, key)
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise damaged(self._root, key)
        return os.fdopen(descriptor, "rb")


class Shard:
    """One open shard: its index, and its chunks on demand."""

    def __init__(self, file: BinaryIO, layout: ArrayLayout, decoders: Sequence[Decode]) -> None:
        self._file = file
        self._layout = layout
        self._decoders = decoders
        count = layout.shard // layout.chunk
        file.seek(-(16 * count + CHECKSUM_BYTES), os.SEEK_END)
        self._index = checked(file.read()).view("<u8").reshape(count, 2)

    def chunk(self, number: int) -> NDArray[Any]:
        """Read a chunk, dims (sample, ...)."""
        offset, length = (int(value) for value in self._index[number])
        if offset == NOTHING:
            raise ValueError("the chunk was never written")
        self._file.seek(offset)
        data: Any = self._file.read(length)
        for decode in self._decoders:
            data = decode(data)
        if self._layout.dtype == STRING:
            return np.asarray(data, dtype=STRING)
        layout = self._layout
        shape = (layout.chunk, *layout.shape[1:])
        values = np.frombuffer(data, layout.dtype)
        if layout.order is None:
            return values.reshape(shape)
        return values.reshape([shape[axis] for axis in layout.order]).transpose(np.argsort(layout.order))


def groups(numbers: NDArray[np.intp]) -> list[tuple[int, NDArray[np.intp]]]:
    """Return each distinct number with the places where it stands, in order."""
    if numbers[0] == numbers[-1] and (len(numbers) == 1 or (numbers == numbers[0]).all()):
        return [(int(numbers[0]), np.arange(len(numbers)))]
    order = np.argsort(numbers, kind="stable")
    values, starts = np.unique(numbers[order], return_index=True)
    return list(zip(values.tolist(), np.split(order, starts[1:]), strict=True))


def as_slice(positions: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return positions as a slice where they follow each other: copying by a slice takes a third of the time."""
    first = int(positions[0])
    if positions[-1] - first == len(positions) - 1 and (np.diff(positions) == 1).all():
        return slice(first, first + len(positions))
    return positions
