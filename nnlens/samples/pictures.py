"""From a list of picture files with their labels to samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples
from nnlens.samples.files import FilePixels, read_headers
from nnlens.samples.synsets import are_synsets, imagenet
from nnlens.schema import UNLABELLED


def read_pictures(
    root: Path,
    paths: Sequence[str],
    labels: Sequence[int],
    class_names: Sequence[str] | None,
    *,
    ids: Sequence[int],
    split: str | Sequence[str],
    name: str,
) -> Samples:
    """Read the headers of pictures, and leave out what is none.

    Parameters
    ----------
    root : Path
        What the paths begin from.
    paths : sequence of str
    labels : sequence of int
        One a path.
    class_names : sequence of str, optional
        One a class, also where all of its files are left out; synsets of ImageNet are shown in words.
    ids : sequence of int
        One a path.
    split : str or sequence of str
        Of all, or of each.
    name : str
        Of the data set.

    Raises
    ------
    SamplesError
        If there is no picture among the files.
    """
    headers, broken = read_headers(root, paths)
    kept = [place for place, header in enumerate(headers) if header is not None]
    if not kept:
        first = next(iter(broken))
        raise SamplesError(
            f"None of {len(paths):,} files in {name} can be opened: {first} {broken[first]}.",
            "Give pictures, such as PNG or JPEG.",
        )
    found = [header for header in headers if header is not None]
    channels = 1 if all(header.channels == 1 for header in found) else 3
    shown, synsets = shown_names(class_names)
    return Samples(
        FilePixels(root, [paths[place] for place in kept], found, channels, broken=broken),
        np.asarray(labels)[kept],
        ids=np.asarray(ids)[kept],
        class_names=shown,
        class_codes=synsets,
        split=split if isinstance(split, str) else [split[place] for place in kept],
        name=name,
    )


def shown_names(
    class_names: Sequence[str] | None,
) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """Return names of classes as people read them, and synsets of ImageNet where those were the names."""
    if class_names is None or not are_synsets(class_names):
        return class_names, None
    return [imagenet()[synset] for synset in class_names], class_names


def number(classes: Sequence[str]) -> tuple[list[str], list[int]]:
    """Give classes numbers by their sorted names, as torchvision and Keras do; what has none is unlabelled.

    Returns
    -------
    class_names : list of str
    labels : list of int
    """
    names = sorted(set(classes) - {""})
    place = {name: label for label, name in enumerate(names)}
    return names, [place.get(name, UNLABELLED) for name in classes]
