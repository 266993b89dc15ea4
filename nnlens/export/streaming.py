"""A zip that leaves while it is written, so that nobody holds the whole of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nnlens.export.pictures import FIRST_DATE
from nnlens.export.words import member_namer

PIECE = 1 << 20
"""Bytes that a piece has at least, but for the last one."""
PACKED = (".png", ".npz", ".zip", ".parquet")
"""Endings of what is packed already."""
Writer = Callable[[IO[bytes]], Iterator[None]]
"""Writes the content of a file, and yields after each part of it."""


@dataclass(frozen=True)
class Rows:
    """An array that comes block by block.

    Attributes
    ----------
    shape : tuple of int
        Of the whole array.
    kind : dtype
    blocks : iterable of ndarray
        Along its first dimension.
    """

    shape: tuple[int, ...]
    kind: Any
    blocks: Iterable[NDArray[Any]]


class _Sink(io.RawIOBase):
    """Takes what is written and gives it away in pieces; it cannot be read or sought in, as a connection cannot."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._held.append(bytes(content))
        self.size += len(self._held[-1])
        return len(self._held[-1])

    def take(self) -> bytes:
        held, self._held, self.size = b"".join(self._held), [], 0
        return held


def zip_pieces(files: Iterable[tuple[str, bytes | Writer]]) -> Iterator[bytes]:
    """Write files into one zip, and give it away in pieces of a megabyte.

    Parameters
    ----------
    files : iterable of (str, bytes or callable)
        Names, changed where not every system can unpack them, and what is in them: as it is, or what writes it part by
        part.
    """
    sink, named = _Sink(), member_namer()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files:
            with archive.open(_entry(named(name)), "w", force_zip64=True) as file:
                for _ in content(file) if callable(content) else _whole(file, content):
                    if sink.size >= PIECE:
                        yield sink.take()
    yield sink.take()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, FIRST_DATE)
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED if name.endswith(PACKED) else zipfile.ZIP_DEFLATED
    return info


def _whole(file: IO[bytes], content: bytes) -> Iterator[None]:
    file.write(content)
    yield


def npz_writer(arrays: Mapping[str, Any]) -> Writer:
    """Return what writes arrays as ``.npz``, those that are `Rows` block by block; no objects, so no code."""

    def write(file: IO[bytes]) -> Iterator[None]:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays.items():
                rows = array if isinstance(array, Rows) else _one(array)
                entry = zipfile.ZipInfo(f"{name}.npy", FIRST_DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as inner:
                    yield from _npy(inner, rows)

    return write


def _one(array: Any) -> Rows:
    values = np.asarray(array)
    values = values.astype(np.str_) if values.dtype.kind in "OT" else values
    return Rows(values.shape, values.dtype, [values])


def _npy(file: IO[bytes], rows: Rows) -> Iterator[None]:
    head = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(rows.kind)), "fortran_order": False, "shape": rows.shape,
    }  # fmt: skip
    np.lib.format.write_array_header_2_0(file, head)
    for block in rows.blocks:
        file.write(np.ascontiguousarray(block, rows.kind).tobytes())
        yield
