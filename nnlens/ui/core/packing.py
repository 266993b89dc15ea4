"""Ids in few signs, so that more of them fit an address."""

from __future__ import annotations

import base64
import binascii
import zlib

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
MOST = 1 << 22
"""Bytes that ids may take before they are packed; what unpacks to more is nothing of ours."""


def packed(ids: Ids) -> str:
    """Write ids, rising, as letters, digits, ``-`` and ``_``: the steps between them, each in the bytes it takes."""
    steps = np.diff(ids, prepend=0).astype(np.uint64)
    parts = []
    for shift in range(0, 63, 7):
        rest = steps >> np.uint64(shift)
        there = (rest > 0) | (shift == 0)
        more = rest > 127
        parts.append(np.where(there, (rest & np.uint64(127)) | (more.astype(np.uint64) << np.uint64(7)), 256))
    columns = np.stack(parts, 1)
    content = columns[columns < 256].astype(np.uint8).tobytes()
    return base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


def unpacked(text: str) -> Ids | None:
    """Read ids that `packed` wrote; None where it did not."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        reader = zlib.decompressobj()
        found = np.frombuffer(reader.decompress(content, MOST), np.uint8)
    except (ValueError, binascii.Error, zlib.error):
        return None
    if not reader.eof or not len(found) or found[-1] > 127:
        return None
    starts = np.concatenate([[0], np.flatnonzero(found <= 127)[:-1] + 1])
    place = np.arange(len(found)) - np.repeat(starts, np.diff([*starts, len(found)]))
    if place.max() > 8:
        return None
    steps = np.add.reduceat((found & 127).astype(np.int64) << (7 * place), starts)
    ids = np.cumsum(steps)
    return ids if (steps >= 0).all() and (np.diff(ids) > 0).all() and ids[0] >= 0 else None
