"""What stands in the file of a shard, written and read straight in zarr's published format.

zarr 3.1 spends .7 ms of Python on every read, whatever its size (twelve layers of one sample: 16 ms), and as much on
every chunk that it writes; this takes a tenth. zarr makes the arrays and their metadata, and a test holds both to the
same values. A shard is its chunks one after the other, then their offsets and lengths, then a CRC-32C of these; a chunk
is its values, compressed or not, then a CRC-32C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc
from numcodecs.vlen import VLenUTF8
from numpy.typing import NDArray

from nnlens.errors import StoreDamagedError
from nnlens.store.layout import DATA, STRING, ArrayLayout

Buffer = bytes | memoryview
Decode = Callable[[Any], Any]
CHECKSUM_BYTES = 4
COMPRESSOR = Blosc("lz4", clevel=5, shuffle=Blosc.NOSHUFFLE)
"""On rectified maps 600 to 1,200 MB/s on one core where zstd has 300–600, for a tenth to a quarter more bytes, and read
thrice as fast. Shuffling bytes or bits makes them larger: they are runs of zeros."""
NOTHING = (1 << 64) - 1
"""Offset in a shard's index of a chunk that was never written."""


def encode_shard(values: NDArray[Any], layout: ArrayLayout) -> list[Buffer]:
    """Turn a batch of an array into the content of its file, to be written in this order.

    Parameters
    ----------
    values : ndarray, dims (sample, ...)
        As many samples as a shard; fewer at the end of the run, where the last chunk is filled up.
    layout : ArrayLayout

    Returns
    -------
    list of bytes or memoryview
    """
    parts: list[Buffer] = []
    index = np.full((layout.shard // layout.chunk, 2), NOTHING, "<u8")
    offset = 0
    for number, start in enumerate(range(0, len(values), layout.chunk)):
        body = encode_chunk(values[start : start + layout.chunk], layout)
        parts += [body, checksum(body)]
        index[number] = offset, len(body) + CHECKSUM_BYTES
        offset += len(body) + CHECKSUM_BYTES
    return [*parts, index.tobytes(), checksum(index.tobytes())]


def encode_chunk(values: NDArray[Any], layout: ArrayLayout) -> Buffer:
    """Return the bytes of one chunk of values, dims (sample, ...), filled up where the run ends within it."""
    lacking = layout.chunk - len(values)
    if lacking:
        rest = np.full((lacking, *layout.shape[1:]), layout.fill, layout.dtype)
        values = np.concatenate([values, rest])
    if layout.dtype == STRING:
        laid = np.frombuffer(VLenUTF8().encode(values.astype(object)), np.uint8)
    else:
        laid = as_on_disk(values, layout.order)
    return COMPRESSOR.encode(laid) if layout.compressed else laid.reshape(-1).view(np.uint8).data


def as_on_disk(values: NDArray[Any], order: tuple[int, ...] | None) -> NDArray[Any]:
    """Return values in the order of a file; a copy only where they do not lie so in memory."""
    laid = values if order is None else values.transpose(order)
    return np.ascontiguousarray(laid, laid.dtype.newbyteorder("<"))


def compressed_part(values: NDArray[Any]) -> float:
    """Return what compressing leaves of values that follow each other in memory, as a part of their bytes."""
    return len(COMPRESSOR.encode(values)) / values.nbytes


def checksum(data: Buffer) -> bytes:
    """Return the CRC-32C of bytes, as four bytes."""
    return google_crc32c.value(np.frombuffer(data, np.uint8)).to_bytes(CHECKSUM_BYTES, "little")


def decoders(codecs: Sequence[Mapping[str, Any]], path: str) -> tuple[Decode, ...]:
    """Return what undoes the codecs of a chunk, last one first.

    Raises
    ------
    StoreDamagedError
        If there is one that nnlens does not write.
    """
    known: dict[str, Decode] = {
        "bytes": lambda data: data,
        "crc32c": checked,
        "blosc": COMPRESSOR.decode,
        "vlen-utf8": VLenUTF8().decode,
    }
    try:
        return tuple(known[codec["name"]] for codec in reversed(codecs))
    except KeyError as error:
        raise StoreDamagedError(
            f"{DATA}/{path} uses the codec {error.args[0]!r}, which nnlens does not write.",
            "Capture the run again.",
        ) from error


def checked(data: bytes) -> NDArray[np.uint8]:
    """Return bytes without their trailing CRC-32C, which must match them."""
    body = np.frombuffer(data, np.uint8, max(0, len(data) - CHECKSUM_BYTES))
    if google_crc32c.value(body) != int.from_bytes(data[-CHECKSUM_BYTES:], "little"):
        raise ValueError("the checksum does not match")
    return body
