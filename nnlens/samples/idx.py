"""The idx format of MNIST: reading one file, and a folder that holds a training and a test part.

The format is four bytes (two zeros, the type of number, the number of dimensions), one big-endian uint32 a dimension,
then the numbers, last dimension fastest.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PREFIXES = {"train": ("train",), "test": ("t10k", "test")}
SUFFIXES = ("-{part}-idx{rank}-ubyte", "-{part}.idx{rank}-ubyte")
LARGEST = 2**33
"""Bytes that a file may unpack to: a small gzip file may claim anything."""


def read_idx(path: Path) -> NDArray[Any]:
    """Read one idx file, packed with gzip or not, whatever it is called.

    Returns
    -------
    ndarray
        In native byte order, read-only.

    Raises
    ------
    SamplesError
        If the file is not idx, or shorter or longer than it says.
    """
    try:
        data = _unpacked(path)
    except (OSError, EOFError, zlib.error) as error:
        told = getattr(error, "strerror", None) or error  # without its path
        raise SamplesError(f"{path.name} cannot be read: {told}.", "Fetch the file again.") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES:
        raise SamplesError(f"{path.name} is not an idx file.", "MNIST and Fashion-MNIST come in this format.")
    dtype, rank = np.dtype(TYPES[data[2]]), data[3]
    start = 4 + 4 * rank
    if len(data) < start:
        raise SamplesError(f"{path.name} is cut off in its header.", "Fetch the file again.")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", rank, 4))
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - start != expected:
        raise SamplesError(
            f"{path.name} holds {len(data) - start:,} bytes of numbers where its header says {expected:,}.",
            "Fetch the file again.",
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        return path.read_bytes()
    with gzip.open(path) as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise SamplesError(f"{path.name} unpacks to more than {LARGEST >> 30} GB.", "Use a smaller data set.")
    return data


def find_part(folder: Path, split: str, part: str, rank: int) -> Path | None:
    """Return the file of ``"images"`` or ``"labels"`` of a split in a folder, or None."""
    for prefix in PREFIXES.get(split, (split,)):
        for suffix in SUFFIXES:
            for packed in ("", ".gz"):
                path = folder / (prefix + suffix.format(part=part, rank=rank) + packed)
                if path.is_file():
                    return path
    return None


def has_split(folder: Path, split: str) -> bool:
    """Whether a folder holds the images of a split."""
    return find_part(folder, split, "images", 3) is not None


def read_folder(folder: Path, split: str, name: str, class_names: Sequence[str] | None = None) -> Samples:
    """Read one split of a folder of idx files; labels may be missing.

    Raises
    ------
    SamplesError
        If the folder has no such split or a file is damaged.
    """
    images = find_part(folder, split, "images", 3)
    if images is None:
        raise SamplesError(
            f"There are no idx images of the split {split!r} in {folder.name!r}.",
            f"Looked for {PREFIXES.get(split, (split,))[0]}-images-idx3-ubyte, also with .gz.",
        )
    labels = find_part(folder, split, "labels", 1)
    return Samples(
        read_idx(images),
        None if labels is None else read_idx(labels),
        class_names=class_names,
        split=split,
        name=name,
    )
