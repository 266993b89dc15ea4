"""Which splits a data set has, told without reading its images."""

from __future__ import annotations

import os
from pathlib import Path

from nnlens.errors import SamplesError
from nnlens.samples import cifar, folder, idx, npy, npz, table
from nnlens.samples.digits import SPLITS as DIGITS
from nnlens.samples.named import SETS, find_named

USUAL = ("train", "test")
UNDIVIDED = ["train"]
"""What a data set is called that has no splits: the default of `load_samples`."""


def splits_of(source: str) -> list[str]:
    """Return the splits of a data set that are here.

    Parameters
    ----------
    source : str
        Its name, folder or file, as for `load_samples`.

    Returns
    -------
    list of str
        ``["train"]`` where it is not divided, or cannot be read: `load_samples` then says why.
    """
    try:
        return _splits(source) or UNDIVIDED
    except (SamplesError, OSError):
        return UNDIVIDED


def is_undivided(source: str) -> bool:
    """Whether a folder or file holds samples and no splits, so that a split's name picks nothing."""
    try:
        return holds_samples(source) and not _splits(source)
    except (SamplesError, OSError):
        return False


def _splits(source: str) -> list[str]:
    if source == "digits":
        return [split for split in DIGITS if split != "all"]
    if source in SETS:
        here = [split for split in SETS[source].splits if find_named(source, split) is not None]
        if here or not Path(source).is_dir():
            return [split for split in here if split != "test" or "val" not in here]  # two names of one
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - Path.expanduser() raises where there is no such home
    return _of_folder(path) if path.is_dir() else _of_file(path)


def _of_folder(path: Path) -> list[str]:
    reader = cifar.find(path) or idx
    return [split for split in USUAL if reader.has_split(path, split)] or sorted(
        part.lower() for part in folder.parts(path)
    )


def _of_file(path: Path) -> list[str]:
    beginning = _beginning(path)
    if beginning.startswith(npz.MAGIC):
        return npz.splits(path)
    listed = path.suffix.lower() in table.SUFFIXES or beginning.startswith(table.PARQUET)
    return table.splits(path) if listed else []


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def holds_samples(source: str) -> bool:
    """Whether there is a data set of that name, or a folder or file that looks like one."""
    if source == "digits" or source in SETS:
        return True
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - as above
    if path.is_file():
        known = (npy.MAGIC, npz.MAGIC, npz.EMPTY, table.PARQUET)
        return path.suffix.lower() in table.SUFFIXES or _beginning(path).startswith(known)
    if not path.is_dir():
        return False
    listed = cifar.find(path) is not None or any(idx.has_split(path, split) for split in USUAL)
    return listed or folder.has_pictures(path)
