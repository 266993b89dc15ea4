"""The binary form of CIFAR: records of one label (CIFAR-100: coarse, then fine) and 3,072 bytes of pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError

PIXELS = 3072
LARGEST = 2**32
"""Bytes of a file; the largest of CIFAR's has 154 million."""
LONGEST = 100_000
"""Bytes of a file of class names."""


def read_batch(path: Path, label_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read one file.

    Returns
    -------
    planes : ndarray, dims (sample, 3072), uint8
    labels : ndarray, dims (sample,), uint8
        The last label of each record, which is the finest.

    Raises
    ------
    SamplesError
        If it does not divide into records.
    """
    record = label_bytes + PIXELS
    data = _bytes(path, LARGEST)
    if not data or len(data) % record:
        raise SamplesError(
            f"{path.name} has {len(data):,} bytes, which are no whole records of {record:,}.",
            "It may be cut off: unpack the archive again.",
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    return records[:, label_bytes:], records[:, label_bytes - 1]


def read_names(path: Path) -> list[str]:
    """Read class names, one a line.

    Raises
    ------
    SamplesError
        If the file cannot be read.
    """
    lines = _bytes(path, LONGEST).decode(errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _bytes(path: Path, largest: int) -> bytes:
    try:
        if path.stat().st_size > largest:
            raise SamplesError(f"{path.name} is larger than any of CIFAR.", "Unpack the archive again.")
        return path.read_bytes()
    except OSError as error:
        raise SamplesError(
            f"{path.name} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
