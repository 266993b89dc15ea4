"""Pictures in files, decoded when they are needed by as many threads as there are cores."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.decoding import Header, decode, read_header, unwarned
from nnlens.samples.pixels import Images, Positions

if TYPE_CHECKING:
    from hashlib import _Hash

CACHE = 256_000_000
"""Bytes of decoded pictures that are kept."""
HEAD = 4096
"""Bytes of a file that, with its size, tell it from others: reading all of 60,000 photos takes minutes."""

T = TypeVar("T")
R = TypeVar("R")


class Cache:
    """Decoded pictures by file, or by place, as many as fit; the oldest go first.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int = CACHE) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> NDArray[np.uint8] | None:
        """Return a picture if it is kept."""
        with self._lock:
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
            return found

    def put(self, name: Hashable, picture: NDArray[np.uint8]) -> None:
        """Keep a picture."""
        with self._lock:
            before = self._kept.pop(name, None)
            self.bytes += picture.nbytes - (before.nbytes if before is not None else 0)
            self._kept[name] = picture
            while self.bytes > self.limit:
                self.bytes -= self._kept.popitem(last=False)[1].nbytes


class FilePixels:
    """Pictures in files below one folder.

    Parameters
    ----------
    root : Path
    paths : sequence of str
        The files, below the root.
    headers : sequence of Header
        One a file.
    channels : {1, 3}
        Into which all are brought.
    cache : Cache, optional
    broken : dict of str to str, optional

    Attributes
    ----------
    broken : dict of str to str
        File → what is wrong with it, in a few words: those left out, and those found out when they were decoded.
    """

    def __init__(
        self,
        root: Path,
        paths: Sequence[str],
        headers: Sequence[Header],
        channels: int,
        cache: Cache | None = None,
        broken: dict[str, str] | None = None,
    ) -> None:
        self.root = root
        self.paths: tuple[str, ...] | None = tuple(paths)
        self.channels = channels
        self._names = tuple(paths)
        self._headers = tuple(headers)
        self._shapes = dict(zip(paths, headers, strict=True))
        self._cache = cache or Cache()
        self.broken = broken if broken is not None else {}
        sizes = {(header.height, header.width) for header in headers}
        self.image_shape: tuple[int, int, int] | None = (*sizes.pop(), channels) if len(sizes) == 1 else None

    def __len__(self) -> int:
        return len(self._names)

    def read(self, positions: Positions) -> Images:
        """Decode pictures by position; a list where not all of the data set have one size.

        One that cannot be decoded is black and noted in `broken`: a capture of hours does not end for one file.
        """
        names = np.asarray(self._names, object)[positions]
        pictures = in_threads(self._picture, list(np.atleast_1d(names)))
        return pictures if self.image_shape is None else np.stack(pictures)

    def part(self, part: Positions) -> FilePixels:
        """Return some of them; they share what is decoded."""
        places = np.arange(len(self))[part]
        names, headers = [self._names[place] for place in places], [self._headers[place] for place in places]
        found = FilePixels(self.root, names, headers, self.channels, self._cache, self.broken)
        found.image_shape = self.image_shape  # a part is stored in the form of the whole
        return found

    def update(self, digest: _Hash) -> None:
        """Add names, sizes and beginnings of all files to a digest."""
        for name, told in zip(self._names, in_threads(self._beginning, self._names), strict=True):
            digest.update(f"{name}\0{self.channels}\0".encode() + told)

    def _picture(self, name: str) -> NDArray[np.uint8]:
        found = self._cache.get(name)
        if found is None:
            shape = (self._shapes[name].height, self._shapes[name].width, self.channels)
            try:
                found = decode(self.root / name, self.channels)
                if found.shape != shape:
                    raise SamplesError("has another size than it says")
            except SamplesError as error:
                self.broken[name] = str(error)
                return np.zeros(shape, np.uint8)
            self._cache.put(name, found)
        return found

    def _beginning(self, name: str) -> bytes:
        try:
            with (self.root / name).open("rb") as file:
                return os.fstat(file.fileno()).st_size.to_bytes(8, "little") + file.read(HEAD)
        except OSError as error:
            raise SamplesError(
                f"The file {name} cannot be read any longer.", "Open the data set again."
            ) from error


def read_headers(root: Path, paths: Sequence[str]) -> tuple[list[Header | None], dict[str, str]]:
    """Read the headers of files.

    Returns
    -------
    headers : list of Header or None
        None for what is no picture.
    broken : dict of str to str
        File → what is wrong with it, in a few words.
    """

    def header(name: str) -> Header | str:
        try:
            return read_header(root / name)
        except SamplesError as error:
            return str(error)

    found: list[Any] = in_threads(header, paths)
    broken = {name: told for name, told in zip(paths, found, strict=True) if isinstance(told, str)}
    return [None if isinstance(told, str) else told for told in found], broken


def in_threads(function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Apply a function to all values, in their order; Pillow lets go of Python's lock while it decodes."""
    with unwarned():
        if len(values) < 2:
            return [function(value) for value in values]
        return list(_pool().map(function, values, chunksize=8))


_pools: list[ThreadPoolExecutor] = []
_pools_lock = threading.Lock()


def _pool() -> ThreadPoolExecutor:
    with _pools_lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(min(8, os.cpu_count() or 1), "nnlens decoding"))
        return _pools[0]
