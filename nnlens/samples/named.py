"""Data sets known by name: MNIST and Fashion-MNIST in idx files, CIFAR in either form, Imagenette and Imagewoof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from nnlens.errors import SamplesError
from nnlens.samples import cifar, folder, idx, places
from nnlens.samples.base import Samples
from nnlens.samples.npz import read_npz
from nnlens.samples.remote import REMOTES

SPLITS = ("train", "test")


class FolderReader(Protocol):
    """What reads a folder; a module will do."""

    def has_split(self, folder: Path, split: str) -> bool:
        """Whether a folder holds a split."""

    def read_folder(
        self, folder: Path, split: str, name: str, class_names: Sequence[str] | None = None
    ) -> Samples:
        """Read a split of a folder."""


@dataclass(frozen=True)
class NamedSet:
    """What is known of a data set.

    Attributes
    ----------
    folders : tuple of str
        Its folder under a root, as different programs call it.
    keras_file : str or None
        The file in which Keras keeps it.
    class_names : tuple of str
    get : str
        How to get it, in a sentence.
    reader : FolderReader
    splits : tuple of str
    """

    folders: tuple[str, ...]
    keras_file: str | None
    class_names: tuple[str, ...]
    get: str
    reader: FolderReader = idx
    splits: tuple[str, ...] = SPLITS


class PictureFolders:
    """Folders of pictures, divided into splits and classes."""

    def has_split(self, folder_: Path, split: str) -> bool:
        """Whether a folder holds a folder of a split."""
        return folder.find_split(folder_, split) is not None

    def read_folder(
        self, folder_: Path, split: str, name: str, class_names: Sequence[str] | None = None
    ) -> Samples:
        """Read a split; classes are called as their folders are, or in words."""
        del class_names
        return folder.read_folder(folder_, split, name)


def _pictures(name: str) -> NamedSet:
    return NamedSet(
        tuple(f"{name}{form}" for form in ("2", "2-320", "2-160", "", "-320", "-160")),
        None,
        (),
        f"unpack {name}2.tgz, {name}2-320.tgz or {name}2-160.tgz in a folder and set {places.VARIABLE} to it.",
        PictureFolders(),
        ("train", "val", "test"),
    )


SETS = {
    "mnist": NamedSet(
        ("mnist", "MNIST/raw", "MNIST"),
        "mnist.npz",
        tuple("0123456789"),
        f"put its four idx files into a folder mnist and set {places.VARIABLE} to the folder above.",
    ),
    "fashion-mnist": NamedSet(
        ("fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
        None,
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        "install Debian's package dataset-fashion-mnist, or put its four idx files into a folder fashion-mnist and set"
        f" {places.VARIABLE} to the folder above.",
    ),
    "cifar10": NamedSet(
        (
            "cifar-10-batches-bin",
            "cifar-10-batches-py",
            "cifar-10-batches-py-target/cifar-10-batches-py",
            "cifar10",
        ),
        None,
        cifar.TEN.class_names,
        f"unpack cifar-10-binary.tar.gz or cifar-10-python.tar.gz in a folder and set {places.VARIABLE} to it.",
        cifar.TEN,
    ),
    "cifar100": NamedSet(
        ("cifar-100-binary", "cifar-100-python", "cifar-100-python-target/cifar-100-python", "cifar100"),
        None,
        cifar.HUNDRED.class_names,
        f"unpack cifar-100-binary.tar.gz or cifar-100-python.tar.gz in a folder and set {places.VARIABLE} to it.",
        cifar.HUNDRED,
    ),
    "imagenette": _pictures("imagenette"),
    "imagewoof": _pictures("imagewoof"),
}


def read_named(name: str, split: str) -> Samples:
    """Read a split of a data set from the first place that has it.

    Raises
    ------
    SamplesError
        If no place has it; the message says where it looked and how to get it.
    """
    found = find_named(name, split)
    if found is None:
        size = REMOTES[name].size / 1e6
        raise SamplesError(
            places.in_words(name),
            f"Add --download (download=True) to fetch it ({size:,.0f} MB), or {SETS[name].get}",
        )
    return found()


def find_named(name: str, split: str) -> Callable[[], Samples] | None:
    """Find a split of a data set in the first place that has it, and return what reads it.

    Raises
    ------
    SamplesError
        If it has no such split.
    """
    known = SETS[name]
    if split not in known.splits:
        raise SamplesError(
            f"{name} has no split {split!r}.",
            f"Its splits are {', '.join(known.splits[:-1])} and {known.splits[-1]}.",
        )
    for root in places.roots():
        with suppress(PermissionError):  # a folder that may not be looked into holds nothing for us
            for each in known.folders:
                if known.reader.has_split(root / each, split):
                    return partial(
                        known.reader.read_folder, root / each, split, name, known.class_names or None
                    )
            if known.keras_file is not None and (root / known.keras_file).is_file():
                return partial(read_npz, root / known.keras_file, split, name, known.class_names)
    return None
