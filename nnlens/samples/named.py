"""Data sets known by name: MNIST and Fashion-MNIST in idx files, CIFAR-10 and CIFAR-100 in either form."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nnlens.errors import SamplesError
from nnlens.samples import cifar, idx, places
from nnlens.samples.base import Samples
from nnlens.samples.npz import read_npz

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
    """

    folders: tuple[str, ...]
    keras_file: str | None
    class_names: tuple[str, ...]
    get: str
    reader: FolderReader = idx


SETS = {
    "mnist": NamedSet(
        ("mnist", "MNIST/raw", "MNIST"),
        "mnist.npz",
        tuple("0123456789"),
        f"Put its four idx files into a folder mnist and set {places.VARIABLE} to the folder above.",
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
        "Install Debian's package dataset-fashion-mnist, or put its four idx files into a folder fashion-mnist and set"
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
        f"Unpack cifar-10-binary.tar.gz or cifar-10-python.tar.gz in a folder and set {places.VARIABLE} to it.",
        cifar.TEN,
    ),
    "cifar100": NamedSet(
        ("cifar-100-binary", "cifar-100-python", "cifar-100-python-target/cifar-100-python", "cifar100"),
        None,
        cifar.HUNDRED.class_names,
        f"Unpack cifar-100-binary.tar.gz or cifar-100-python.tar.gz in a folder and set {places.VARIABLE} to it.",
        cifar.HUNDRED,
    ),
}


def read_named(name: str, split: str) -> Samples:
    """Read a split of a data set from the first place that has it.

    Raises
    ------
    SamplesError
        If no place has it; the message says where it looked and how to get it.
    """
    if split not in SPLITS:
        raise SamplesError(f"{name} has no split {split!r}.", f"Its splits are {' and '.join(SPLITS)}.")
    known = SETS[name]
    for root in places.roots():
        with suppress(PermissionError):  # a folder that may not be looked into holds nothing for us
            for folder in known.folders:
                if known.reader.has_split(root / folder, split):
                    return known.reader.read_folder(root / folder, split, name, known.class_names)
            if known.keras_file is not None and (root / known.keras_file).is_file():
                return read_npz(root / known.keras_file, split, name, known.class_names)
    raise SamplesError(places.in_words(name), known.get)
