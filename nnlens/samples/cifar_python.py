"""The Python form of CIFAR: pickles, of which plain data is read and nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.plain_pickle import read_pickle

PIXELS = 3072
HINT = "Unpack the archive again."


def read_batch(path: Path, key: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read one file, with the labels under `key`.

    Returns
    -------
    planes : ndarray, dims (sample, 3072), uint8
    labels : ndarray, dims (sample,), int64

    Raises
    ------
    SamplesError
        If it is damaged, holds anything that would have to be run, or no images with labels.
    """
    found = read_pickle(path)
    planes, labels = found.get("data"), found.get(key, ())
    if not isinstance(planes, np.ndarray) or planes.dtype != np.uint8 or planes.shape[1:] != (PIXELS,):
        raise SamplesError(f"{path.name} has no pixels: rows of {PIXELS:,} bytes named data.", HINT)
    if not _integers(labels) or np.shape(labels) != (len(planes),):
        raise SamplesError(f"{path.name} has no {key}: one integer for each of {len(planes):,} images.", HINT)
    return planes, np.array(labels, np.int64)


def read_names(path: Path, key: str) -> list[str]:
    """Read the class names under `key`.

    Raises
    ------
    SamplesError
        If there are none.
    """
    names = read_pickle(path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        raise SamplesError(f"{path.name} has no {key}.", HINT)
    return [name.decode(errors="replace") if isinstance(name, bytes) else name for name in names]


def _integers(labels: Any) -> bool:
    if isinstance(labels, np.ndarray):
        return labels.ndim == 1 and labels.dtype != np.uint64
    return isinstance(labels, list) and all(type(each) is int and abs(each) < 2**31 for each in labels)
