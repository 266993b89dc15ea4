"""CIFAR-10 and CIFAR-100: what both forms, binary and Python, have in common.

An image is 3,072 bytes: 1,024 of red, then green, then blue, each row after row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples import cifar_binary, cifar_python
from nnlens.samples.base import Samples

SIDE = 32
Batch = tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]
"""Planes, dims (sample, 3072), and labels."""


@dataclass(frozen=True)
class Form:
    """The files of one form.

    Attributes
    ----------
    parts : dict of str to tuple of str
        Files of each split, in order.
    names : str
        File of the class names.
    read : callable
        Reads one file of a split.
    read_names : callable
        Reads the file of the class names.
    told_by_names : bool
        Whether the files of the splits have names so common that only the file of the class names tells.
    """

    parts: dict[str, tuple[str, ...]]
    names: str
    read: Callable[[Path], Batch]
    read_names: Callable[[Path], Sequence[str]]
    told_by_names: bool

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds any of it."""
        if self.told_by_names and not (folder / self.names).is_file():
            return False
        return any(self.has_split(folder, split) for split in self.parts)

    def has_split(self, folder: Path, split: str) -> bool:
        """Whether a folder holds any file of a split."""
        return any((folder / name).is_file() for name in self.parts.get(split, ()))


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets.

    Attributes
    ----------
    title : str
    class_names : tuple of str
        Used where the folder does not name them.
    forms : tuple of Form
    """

    title: str
    class_names: tuple[str, ...]
    forms: tuple[Form, ...]

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds any of it."""
        return any(form.is_in(folder) for form in self.forms)

    def has_split(self, folder: Path, split: str) -> bool:
        """Whether a folder holds a split."""
        return any(form.is_in(folder) and form.has_split(folder, split) for form in self.forms)

    def read_folder(
        self, folder: Path, split: str, name: str, class_names: Sequence[str] | None = None
    ) -> Samples:
        """Read one split; the ids are positions in it.

        Raises
        ------
        SamplesError
            If the folder has no such split, or a file of it is missing or damaged.
        """
        form = self._form(folder, split)
        missing = [file for file in form.parts[split] if not (folder / file).is_file()]
        if missing:
            raise SamplesError(
                f"The {split} split of {self.title} lacks {', '.join(missing)}.", "Unpack the archive again."
            )
        names = self._class_names(folder / form.names, form) if class_names is None else class_names
        batches = [self._batch(folder / file, form) for file in form.parts[split]]
        return Samples(
            np.concatenate([images for images, _ in batches]),
            np.concatenate([labels for _, labels in batches]),
            class_names=names,
            split=split,
            name=name,
        )

    def _form(self, folder: Path, split: str) -> Form:
        here = [form for form in self.forms if form.is_in(folder)]
        for form in here:
            if form.has_split(folder, split):
                return form
        parts = (here or self.forms)[0].parts
        if split not in parts:
            raise SamplesError(
                f"{self.title} has no split {split!r}.", f"Its splits are {' and '.join(parts)}."
            )
        raise SamplesError(
            f"There is no {split} split of {self.title} in {folder.resolve().name!r}.",
            f"Looked for {', '.join(parts[split])}.",
        )

    def _batch(self, path: Path, form: Form) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        planes, labels = form.read(path)
        if len(planes) == 0:
            raise SamplesError(f"{path.name} is empty.", "Unpack the archive again.")
        if labels.min() < 0 or labels.max() >= len(self.class_names):
            wrong = labels.max() if labels.min() >= 0 else labels.min()
            raise SamplesError(
                f"{path.name} has the label {wrong}, and {self.title} has 0 to {len(self.class_names) - 1}.",
                "It is damaged or of another data set.",
            )
        images = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), labels.astype(np.int64)

    def _class_names(self, path: Path, form: Form) -> Sequence[str]:
        if not path.is_file():
            return self.class_names
        names = form.read_names(path)
        if len(names) != len(self.class_names):
            raise SamplesError(
                f"{path.name} names {len(names)} classes, and {self.title} has {len(self.class_names)}.",
                "Unpack the archive again, or remove the file to use the usual names.",
            )
        return names


TEN_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"
HUNDRED_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

TEN = Cifar(
    "CIFAR-10",
    tuple(TEN_NAMES.split()),
    (
        Form(
            {"train": tuple(f"data_batch_{n}.bin" for n in range(1, 6)), "test": ("test_batch.bin",)},
            "batches.meta.txt",
            lambda path: cifar_binary.read_batch(path, label_bytes=1),
            cifar_binary.read_names,
            told_by_names=False,
        ),
        Form(
            {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)},
            "batches.meta",
            lambda path: cifar_python.read_batch(path, "labels"),
            lambda path: cifar_python.read_names(path, "label_names"),
            told_by_names=False,
        ),
    ),
)

HUNDRED = Cifar(
    "CIFAR-100",
    tuple(HUNDRED_NAMES.split()),
    (
        Form(
            {"train": ("train.bin",), "test": ("test.bin",)},
            "fine_label_names.txt",
            lambda path: cifar_binary.read_batch(path, label_bytes=2),
            cifar_binary.read_names,
            told_by_names=True,
        ),
        Form(
            {"train": ("train",), "test": ("test",)},
            "meta",
            lambda path: cifar_python.read_batch(path, "fine_labels"),
            lambda path: cifar_python.read_names(path, "fine_label_names"),
            told_by_names=True,
        ),
    ),
)


def find(folder: Path) -> Cifar | None:
    """Return which of the two lies in a folder, told by its files, or None."""
    return next((each for each in (TEN, HUNDRED) if each.is_in(folder)), None)
