"""NumPy's .npz format: a zip file of .npy members, with images and labels told by their names.

Nothing pickled is ever read. A zip file may claim anything, so each claim is checked before a member is unpacked.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples
from nnlens.samples.naming import listed
from nnlens.samples.npy import Header, check_images, check_size, read_header

MAGIC = b"PK\x03\x04"
EMPTY = b"PK\x05\x06"
IMAGES = ("x", "image", "images", "data")
LABELS = ("y", "label", "labels", "target", "targets")
CLASS_NAMES = ("class_names", "classes", "label_names")
PLACES = {"arr_0": "images", "arr_1": "labels"}
"""Names that np.savez gives to arrays without one."""
LARGEST = 2**33
"""Bytes that a member may unpack to."""
STEEPEST = 1100
"""Deflate packs at most 1,032 to one; what claims more lies."""
READ_ERRORS = (
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and NumPy raise for damaged files; NotImplementedError for a compression that zipfile does not know."""
MEND = "Save it again with np.savez."


@dataclass(frozen=True)
class Keys:
    """The names of arrays that belong together: ``images`` and, where there are any, ``labels``."""

    images: str
    labels: str | None


def read_npz(path: Path, split: str, name: str, class_names: Sequence[str] | None = None) -> Samples:
    """Read the images and labels of a split; where the file is not divided, `split` is only what to call them.

    Parameters
    ----------
    path : Path
    split : str
        Picks ``x_train``, ``train_images`` and the like.
    name : str
        Of the data set.
    class_names : sequence of str, optional
        Those in the file, if any, when left out.

    Raises
    ------
    SamplesError
        If the file is damaged or claims absurd sizes, or if there are no images of that split in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            arrays = _Arrays(archive, members, path.name)
            keys = find_keys(members, split, path.name)
            images = arrays.read(keys.images, images=True)
            labels = (
                None if keys.labels is None else _labels(arrays.read(keys.labels), keys.labels, path.name)
            )
            names = class_names if class_names is not None else _class_names(arrays)
    except READ_ERRORS as error:
        raise SamplesError(f"{path.name} cannot be read: it is damaged or no .npz file.", MEND) from error
    if labels is not None and len(labels) != len(images):
        raise SamplesError(
            f"{path.name} has {len(images):,} images as {keys.images!r} but {len(labels):,} labels as {keys.labels!r}.",
            "Save one label for each image.",
        )
    return Samples(images, labels, class_names=names, split=split, name=name)


def splits(path: Path) -> list[str]:
    """Return the splits that a file is divided into; none where it is not.

    Raises
    ------
    SamplesError
        If it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
    except READ_ERRORS as error:
        raise SamplesError(f"{path.name} cannot be read: it is damaged or no .npz file.", MEND) from error
    return [part for part in _by_split(names, IMAGES, "images") if part is not None]


def find_keys(names: Iterable[str], split: str, what: str) -> Keys:
    """Tell which arrays are the images and the labels of a split; case does not matter.

    Raises
    ------
    SamplesError
        If none are, or several could be.
    """
    names = tuple(names)
    images, labels = _by_split(names, IMAGES, "images"), _by_split(names, LABELS, "labels")
    divided = sorted(part for part in images if part is not None)
    part = split.lower() if split.lower() in images else None
    if part not in images or (part is None and {"train", "test"} & set(divided)):
        if divided:
            raise SamplesError(
                f"{what} has no split {split!r}.", f"Its splits are {', '.join(map(repr, divided[:9]))}."
            )
        raise SamplesError(
            f"{what} has no images that are named so, only {listed(names)}.",
            "Save them as images, or as x_train and x_test; labels as labels, or as y_train and y_test.",
        )
    return Keys(_only(images[part], what), _only(labels[part], what) if part in labels else None)


def _by_split(names: Sequence[str], words: tuple[str, ...], place: str) -> dict[str | None, list[str]]:
    """Sort names such as x_train, train_images and x by what they say of the split; None where they say nothing."""
    word = "|".join(words)
    pattern = re.compile(rf"(?:{word})_(?P<last>\w+)|(?P<first>\w+)_(?:{word})|(?:{word})", re.IGNORECASE)
    found: dict[str | None, list[str]] = {}
    for name in names:
        match = pattern.fullmatch(name)
        if match and name.lower() not in CLASS_NAMES:
            part = match["last"] or match["first"]
            found.setdefault(part.lower() if part else None, []).append(name)
    unnamed = [name for name in names if PLACES.get(name) == place]
    return {None: unnamed, **found} if unnamed else found


def _only(names: Sequence[str], what: str) -> str:
    if len(names) > 1:
        raise SamplesError(
            f"{what} has {listed(names)}, and it is not clear which to take.", "Keep one of them."
        )
    return names[0]


class _Arrays:
    """The members of an archive, each checked before it is unpacked."""

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], what: str) -> None:
        self._archive, self.members, self._what = archive, members, what

    def read(self, key: str, images: bool = False) -> NDArray[Any]:
        """Read an array, which must be images if so asked."""
        info, what = self.members[key], f"{key[:40]!r} in {self._what}"
        check_claims(info, what)
        with self._archive.open(info) as stream:
            header: Header = read_header(stream, what)
        check_size(header, info.file_size, what)
        if images:
            check_images(header, what)
        with self._archive.open(info) as stream:
            array: NDArray[Any] = npy_format.read_array(stream, allow_pickle=False)
            stream.read(1)  # at its end a member is compared with its checksum
        return array


def check_claims(info: zipfile.ZipInfo, what: str) -> None:
    """Refuse a member that is packed as NumPy never does, or that claims absurd sizes.

    Raises
    ------
    SamplesError
        Naming it by `what`.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise SamplesError(f"{what} is packed or encrypted in a way that NumPy does not write.", MEND)
    if info.file_size > LARGEST:
        raise SamplesError(
            f"{what} claims to unpack to {info.file_size / 2**30:,.1f} GB.",
            f"Save at most {LARGEST >> 30} GB an array, or the images alone with np.save.",
        )
    if info.file_size > STEEPEST * (info.compress_size + 1):
        raise SamplesError(f"{what} claims to unpack to more than its packed bytes can hold.", MEND)


def _labels(labels: NDArray[Any], key: str, what: str) -> NDArray[np.int64]:
    """Return labels as integers, dims (sample,)."""
    named = f"{key[:40]!r} in {what}"
    if labels.ndim == 2 and labels.shape[1] > 1:
        one_hot = labels.dtype.kind in "biuf" and bool((np.count_nonzero(labels, axis=1) == 1).all())
        raise SamplesError(
            f"{named} is {'one-hot' if one_hot else 'no list of labels'}: its shape is {labels.shape}.",
            "Save labels.argmax(axis=1)." if one_hot else "Save one integer for each image.",
        )
    if labels.ndim not in (1, 2):
        raise SamplesError(f"{named} has {labels.ndim} axes.", "Save one integer for each image.")
    if labels.dtype.kind not in "biu":
        hint = (
            "labels.astype('int64')"
            if labels.dtype.kind == "f"
            else "np.unique(labels, return_inverse=True)[1]"
        )
        raise SamplesError(f"{named} holds {labels.dtype.name} where labels are integers.", f"Save {hint}.")
    return labels.reshape(-1).astype(np.int64)


def _class_names(arrays: _Arrays) -> tuple[str, ...] | None:
    """Return the names of the classes, where the file has them as text."""
    for key in CLASS_NAMES:
        if key in arrays.members:
            names = arrays.read(key)
            if names.ndim == 1 and names.dtype.kind == "U":
                return tuple(map(str, names))
    return None
