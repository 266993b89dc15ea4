"""Folders of pictures: a folder a class, with or without folders for the splits; or pictures alone, without labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples
from nnlens.samples.decoding import SUFFIXES
from nnlens.samples.pictures import number, read_pictures
from nnlens.schema import UNLABELLED

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation"),
    "val": ("val", "valid", "validation", "test"),
}
"""Split → names of its folder, the first that is there."""
ALL_SPLITS = frozenset(name for names in SPLIT_FOLDERS.values() for name in names)


class EmptyClassWarning(UserWarning):
    """A folder of a class has no pictures."""


def has_pictures(folder: Path) -> bool:
    """Whether a folder holds pictures, however deep within three levels."""
    return next(_pictures(folder, 3), None) is not None


def read_folder(folder: Path, split: str, name: str) -> Samples:
    """Read a folder of pictures.

    Ids are positions in the sorted paths of the split, with what cannot be opened left out. Classes are sorted by the
    names of their folders, as torchvision and Keras number them; synsets of ImageNet are shown in words.

    Parameters
    ----------
    folder : Path
    split : str
        ``"train"``, ``"test"`` or ``"val"`` where the folder is divided so; else only what to call it.
    name : str
        Of the data set.

    Raises
    ------
    SamplesError
        If there are no pictures, or not in this split.
    """
    root = _split_folder(folder, split, name)
    prefix = f"{root.relative_to(folder).as_posix()}/" if root != folder else ""
    paths = sorted(prefix + each.relative_to(root).as_posix() for each in _pictures(root, 8))
    if not paths:
        raise SamplesError(f"{name} has no pictures.", f"Known are {', '.join(sorted(SUFFIXES))}.")
    found = [_first_folder(path.removeprefix(prefix)) for path in paths]
    classes, _ = number([*found, *_empty_classes(root, found)])
    place = {each: label for label, each in enumerate(classes)}
    labels = [place.get(each, UNLABELLED) for each in found]
    return read_pictures(folder, paths, labels, classes, ids=range(len(paths)), split=split, name=name)


def _empty_classes(root: Path, found: Sequence[str]) -> list[str]:
    """Return the folders of classes without pictures: a split may lack a class, and the others keep their numbers."""
    if not any(found):
        return []
    empty = sorted({each.name for each in _folders(root)} - set(found))
    if empty:
        more = f" and {len(empty) - 1:,} more" if len(empty) > 1 else ""
        warnings.warn(
            f"The folder {empty[0]!r}{more} of {root.name!r} has no pictures; it is a class, as it is for Keras.",
            EmptyClassWarning,
            stacklevel=5,
        )
    return empty


def find_split(folder: Path, split: str) -> Path | None:
    """Return the folder of a split below a folder, or None."""
    here = parts(folder) if folder.is_dir() else []
    for wanted in SPLIT_FOLDERS.get(split, (split,)):
        for part in here:
            if part.lower() == wanted:
                return folder / part
    return None


def parts(folder: Path) -> list[str]:
    """Return the names of the folders of splits."""
    return [each.name for each in _folders(folder) if each.name.lower() in ALL_SPLITS]


def _split_folder(folder: Path, split: str, name: str) -> Path:
    """Find the folder of a split; the folder itself where it is not divided."""
    here = parts(folder)
    if not here:
        return folder
    found = find_split(folder, split)
    if found is not None:
        return found
    raise SamplesError(f"{name} has no split {split!r}.", f"Its splits are {', '.join(sorted(here))}.")


def _first_folder(path: str) -> str:
    """Return the folder that a path begins with, which is its class; nothing where it lies in none."""
    return path.rpartition("/")[0].partition("/")[0]


def _pictures(folder: Path, depth: int) -> Iterator[Path]:
    """Walk over the picture files of a folder; links to folders are not followed, they may lead in a circle."""
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth > 1:
                yield from _pictures(Path(entry.path), depth - 1)
        elif Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file():
            yield Path(entry.path)


def _folders(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
