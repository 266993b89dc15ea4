"""Vectors in NumPy's files: a .npy mapped into memory, a .npz read as a stream. Nothing pickled is ever read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from nnlens.capturing.embedded.table import (
    IDS,
    LABELS,
    NUMBERS,
    PATHS,
    PICTURES,
    VECTORS,
    ArrayTable,
    Block,
    checked_shape,
    first_of,
    no_column,
)
from nnlens.errors import SamplesError
from nnlens.samples.naming import listed
from nnlens.samples.npy import Header, check_size, read_header
from nnlens.samples.npz import CLASS_NAMES, MEND, READ_ERRORS, check_claims

PLACES = ("x", "arr_0")
"""Names that say little, and count where none of `VECTORS` is there."""
BESIDE = frozenset({*LABELS, *IDS, *PATHS, *PICTURES, *CLASS_NAMES})
"""Names of what is never taken for vectors."""


def open_npy(path: Path) -> ArrayTable:
    """Map the vectors of a .npy file into memory.

    Raises
    ------
    SamplesError
        If the file is damaged, or holds no vectors.
    """
    header, values = mapped(path)
    checked_shape(header.shape, header.dtype, path.name)
    return ArrayTable(values, path.name, "npy")


def mapped(path: Path) -> tuple[Header, NDArray[Any]]:
    """Map the array of a .npy file into memory, whatever it holds.

    Raises
    ------
    SamplesError
        If the file is damaged or holds pickled objects.
    """
    with path.open("rb") as stream:
        header = read_header(stream, path.name)
    check_size(header, path.stat().st_size, path.name)
    if 0 in header.shape:
        return header, np.empty(header.shape, header.dtype)
    return header, np.memmap(path, header.dtype, "r", header.start, header.shape, header.order)


class NpzTable:
    """The vectors of a .npz file, with its other arrays as columns.

    Parameters
    ----------
    path : Path
    array : str, optional
        Name of the vectors; told by the names that are usual when left out.

    Raises
    ------
    SamplesError
        If the file is damaged or claims absurd sizes, or if it is not clear which of its arrays are the vectors.
    """

    kind = "npz"

    def __init__(self, path: Path, array: str | None = None) -> None:
        self.name, self._path = path.name, path
        with self._archive() as archive:
            self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            headers = {name: self._header(archive, name) for name in self._members}
        self._headers: Mapping[str, Header] = {name: head for name, head in headers.items() if head}
        self._key = self._pick(array)
        header = self._headers[self._key]
        self.shape = checked_shape(header.shape, header.dtype, self._words(self._key))
        count = self.shape[0]
        self.columns = tuple(
            name for name, head in self._headers.items() if name != self._key and _is_column(head, count)
        )

    def blocks(self, start: int, size: int) -> Iterator[Block]:
        """Yield vectors as they are unpacked; their checksum is compared at the end."""
        header = self._headers[self._key]
        if header.order == "F" and 1 not in header.shape:
            yield from ArrayTable(self._whole(self._key), self.name).blocks(start, size)
            return
        row = header.shape[1] * header.dtype.itemsize
        with self._archive() as archive, archive.open(self._members[self._key]) as stream:
            stream.seek(header.start + start * row)
            for first in range(start, self.shape[0], size):
                count = min(size, self.shape[0] - first)
                yield np.frombuffer(_exactly(stream, count * row), header.dtype).reshape(count, -1)
            stream.read(1)

    def column(self, name: str) -> NDArray[Any]:
        """Read another array of the file, dims (sample,)."""
        if name not in self.columns:
            raise no_column(self, name)
        return self._whole(name).reshape(-1)

    def names(self) -> list[str] | None:
        """Return the names of the classes, where the file has them as text."""
        key = first_of(self._headers, CLASS_NAMES)
        texts = (
            key is not None and self._headers[key].dtype.kind == "U" and len(self._headers[key].shape) == 1
        )
        return list(map(str, self._whole(key))) if key is not None and texts else None

    def pictures(self) -> NDArray[np.uint8] | None:
        """Return the pictures in the file, if any."""
        fit = {name: head for name, head in self._headers.items() if len(head.shape) in (3, 4)}
        key = first_of(fit, PICTURES)
        return None if key is None else self._whole(key)

    def _pick(self, array: str | None) -> str:
        numbers = [
            name
            for name, head in self._headers.items()
            if head.dtype.kind in NUMBERS and len(head.shape) == 2 and name.lower() not in BESIDE
        ]
        if array is not None:
            if array not in self._headers:
                raise SamplesError(
                    f"{self.name} has no array {array[:60]!r}.", f"It has {listed(list(self._members))}."
                )
            return array
        named = [name for name in numbers if name.lower() in VECTORS] or [
            name for name in numbers if name.lower() in PLACES
        ]
        found = named or numbers
        if len(found) == 1:
            return found[0]
        if found:
            raise SamplesError(
                f"{self.name} has {listed(found)}, and it is not clear which are the embeddings.",
                "Name the array: array=… (--array).",
            )
        raise SamplesError(
            f"{self.name} has no array (sample, unit) of numbers, only {listed(list(self._members))}.",
            "Save the embeddings as embedding.",
        )

    def _words(self, key: str) -> str:
        return f"{key[:40]!r} in {self.name}"

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                yield archive
        except READ_ERRORS as error:
            raise SamplesError(f"{self.name} cannot be read: it is damaged or no .npz file.", MEND) from error

    def _header(self, archive: zipfile.ZipFile, key: str) -> Header | None:
        """Read what a member claims; None for what is no array. One of pickled objects refuses the whole file."""
        info = self._members[key]
        check_claims(info, self._words(key))
        if not info.filename.endswith(".npy"):
            return None
        with archive.open(info) as stream:
            header = read_header(stream, self._words(key))
        check_size(header, info.file_size, self._words(key))
        return header

    def _whole(self, key: str) -> NDArray[Any]:
        with self._archive() as archive, archive.open(self._members[key]) as stream:
            array: NDArray[Any] = npy_format.read_array(stream, allow_pickle=False)
            stream.read(1)  # at its end a member is compared with its checksum
        return array


def _is_column(header: Header, count: int) -> bool:
    return header.shape in ((count,), (count, 1)) and header.dtype.kind in NUMBERS + "US"


def _exactly(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
