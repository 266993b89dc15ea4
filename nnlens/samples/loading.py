"""`load_samples`: one door to all readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nnlens.errors import SamplesError
from nnlens.samples import cifar, folder, idx, npy, npz, table
from nnlens.samples.base import Samples
from nnlens.samples.digits import read_digits
from nnlens.samples.live import is_live, part_of, read_live
from nnlens.samples.named import SETS, find_named, read_named
from nnlens.samples.progress import Progress

READERS: dict[str, Callable[[str], Samples]] = {
    "digits": read_digits,
    **{name: partial(read_named, name) for name in SETS},
}
"""Data sets by name: split → Samples."""

FILES: dict[bytes, Callable[[Path, str, str], Samples]] = {
    npy.MAGIC: npy.read_npy,
    npz.MAGIC: npz.read_npz,
    npz.EMPTY: npz.read_npz,
    table.PARQUET: table.read_table,
}
"""Kinds of files by what they begin with."""


def load_samples(
    source: Any,
    split: str = "train",
    limit: int | None = None,
    seed: int | None = None,
    *,
    download: bool = False,
    progress: Progress | None = None,
) -> Samples:
    """Open a data set.

    Parameters
    ----------
    source : str, path, array or data set object
        The name of a data set (``"digits"``, ``"mnist"``, ``"fashion-mnist"``, ``"cifar10"``, ``"cifar100"``,
        ``"imagenette"``, ``"imagewoof"``); a folder of pictures with a folder for each class, of idx files, or of
        CIFAR, binary or Python; a .npz file with images,
        and labels if any, or a .npy file of images; a CSV, TSV or Parquet table with the paths of pictures in a column
        ``path``, their labels if any in ``label``, and their splits if any in ``split``; uint8 images
        (sample, y, x[, channel]), alone or as a pair with their labels; or an object of another library: a Hugging Face
        `Dataset` or `DatasetDict`, a torch `Dataset` or `DataLoader`, a `tf.data.Dataset`, a Keras `PyDataset`, or any
        other that gives images, or pairs with labels, by place or one after another, alone or in batches; where it
        does not know its length, as a pair with the number of samples.
    split : str
        ``"train"`` or ``"test"``; ``"digits"`` also has ``"all"``, a .npz file those that its arrays are named after
        (``x_train``, ``val_images``). For arrays and files without splits it is only what to call them.
    limit : int, optional
        Take this many samples only. Ids do not change by it.
    seed : int, optional
        Draw those of the limit at random, the same for the same seed; the first ones when left out.
    download : bool
        Fetch a data set that has a name and is nowhere here, into the folder that ``NNLENS_DATA`` names or the user's
        cache.
    progress : callable, optional
        Is called as ``progress(done, total, message)`` several times a second while a data set is downloaded or a data
        set object is read.

    Returns
    -------
    Samples

    Raises
    ------
    SamplesError
        If there is no such data set, or it cannot be read.

    Examples
    --------
    >>> load_samples("digits", split="test")
    <Samples digits test: 359 of 8×8×1, 10 classes>
    """
    if isinstance(source, Mapping):
        return load_samples(part_of(source, split), split, limit, seed, progress=progress)
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if download:
            from nnlens.samples.downloads import ensure

            ensure(name, split, progress)
        samples = READERS[name](split) if _is_name(name, split) else _read_path(name, split)
        samples.reference = {"source": name, "split": split, "limit": None}
    elif is_live(source):
        samples = read_live(source, split, limit, seed, progress)
    else:
        images, labels = source if isinstance(source, tuple) else (source, None)
        samples = Samples(images, labels, split=split)
    return samples.take(limit, seed)


def _is_name(name: str, split: str) -> bool:
    """Whether a data set is meant that is known by name, and not a folder here of the same name."""
    if name not in READERS:
        return False
    return not (name in SETS and Path(name).is_dir() and find_named(name, split) is None)


def _read_path(name: str, split: str) -> Samples:
    try:
        path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser() raises where there is no such home
        if path.is_dir():
            return _read_folder(path, split, path.resolve().name)
        if path.is_file():
            return _read_file(path, split, name)
    except OSError as error:  # also a name that is too long
        told = error.strerror or "it is damaged"
        raise SamplesError(
            f"{name} cannot be read: {told}.", "Check the name and its permissions."
        ) from error
    raise _unknown(name)


def check_source(name: str) -> None:
    """Refuse at once what `load_samples` cannot open for there is nothing of that name.

    Raises
    ------
    SamplesError
        Naming the data sets that there are.
    """
    if name not in READERS and not os.path.exists(os.path.expanduser(name)):  # noqa: PTH110, PTH111 - these never raise
        raise _unknown(name)


def _unknown(name: str) -> SamplesError:
    return SamplesError(
        f"There is no data set or folder {name!r}.", f"Data sets by name: {', '.join(sorted(READERS))}."
    )


def _read_folder(path: Path, split: str, name: str) -> Samples:
    found = cifar.find(path)
    if found is not None:
        return found.read_folder(path, split, name)
    if not any(idx.has_split(path, part) for part in ("train", "test")) and folder.has_pictures(path):
        return folder.read_folder(path, split, name)
    return idx.read_folder(path, split, name)


def _read_file(path: Path, split: str, name: str) -> Samples:
    """Read a file by what it begins with, whatever it is called."""
    with path.open("rb") as file:
        beginning = file.read(8)
    for magic, read in FILES.items():
        if beginning.startswith(magic):
            return read(path, split, path.stem)
    if beginning and path.suffix.lower() in table.SUFFIXES:
        return table.read_table(path, split, path.stem)
    raise SamplesError(
        f"{name} is a file of no known kind{'' if beginning else ', as it is empty'}.",
        "Give a .npz or .npy file of images, a CSV or Parquet table of paths and labels, or the folder of the files.",
    )
