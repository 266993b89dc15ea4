"""All that becomes a run of embeddings: vectors, ids, labels, class names, paths, pictures, each checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.labels import Integers, column_of, labels_from
from nnlens.capturing.embedded.pictures import Pictures, find_pictures
from nnlens.capturing.embedded.table import IDS, LABELS, PATHS, Table, first_of
from nnlens.errors import SamplesError
from nnlens.schema import UNLABELLED

Float = NDArray[np.float32]
UNNAMED = "embeddings"
"""What an array is called."""
SCAN_BYTES = 4 << 20
"""Of a block in which all vectors are looked at once, before anything is written."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What goes into a run.

    Attributes
    ----------
    table : Table
    name : str
        What titles call it.
    ids, labels : ndarray of int64, dims (sample,)
    class_names : list of str
    paths : ndarray of str, dims (sample,), or None
    pictures : Pictures or None
    """

    table: Table
    name: str
    ids: Integers
    labels: Integers
    class_names: list[str]
    paths: NDArray[Any] | None
    pictures: Pictures | None

    def __len__(self) -> int:
        return self.table.shape[0]

    @property
    def units(self) -> int:
        """Length of a vector."""
        return self.table.shape[1]

    def blocks(self, start: int, size: int) -> Iterator[Float]:
        """Yield vectors as float32; one that is not finite, or beyond float32, is NaN as a whole."""
        done = start
        for block in self.table.blocks(start, size):
            yield finite(block)
            done += len(block)
        if done != len(self):
            raise SamplesError(
                f"{self.table.name} ends after {done:,} of {len(self):,} embeddings.", "It may be cut off."
            )

    def scan(self) -> tuple[str, int]:
        """Read all vectors once.

        Returns
        -------
        fingerprint : str
            SHA-256 of vectors, ids, labels, class names, paths and pictures, whatever they were read from.
        invalid : int
            Vectors that are NaN.
        """
        digest, invalid = hashlib.sha256(), 0
        digest.update(f"embeddings {self.table.shape}".encode())
        for block in self.blocks(0, max(1, SCAN_BYTES // (4 * self.units))):
            digest.update(np.ascontiguousarray(block, "<f4").data)
            invalid += int(np.isnan(block[:, 0]).sum())
        for integers in (self.ids, self.labels):
            digest.update(np.ascontiguousarray(integers, "<i8").data)
        digest.update("\0".join(self.class_names).encode())
        if self.paths is not None:
            digest.update("\0".join(self.paths).encode())
        if self.pictures is not None:
            digest.update(self.pictures.samples.fingerprint.encode() + self.pictures.rows.tobytes())
        return digest.hexdigest(), invalid


def finite(block: NDArray[Any]) -> Float:
    """Return vectors as float32, NaN as a whole where a value is not finite in it."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(block, np.float32)
    values[~np.isfinite(values).all(axis=1)] = np.nan
    return values


def gather(
    table: Table,
    labels: Any = None,
    images: Any = None,
    class_names: Sequence[str] | None = None,
    ids: Any = None,
    split: str = "train",
    name: str | None = None,
) -> Gathered:
    """Find everything that belongs to the vectors of a table.

    What is not given is taken from columns whose names say so, then from the data set of the images.

    Raises
    ------
    SamplesError
        If something does not fit the vectors.
    """
    paths = _paths(table)
    pictures = find_pictures(table, images, paths, split)
    if class_names is None:
        class_names = getattr(table, "names", lambda: None)()
    found, names = _labels(table, labels, class_names, pictures)
    if paths is None and pictures is not None and pictures.samples.paths is not None:
        paths = [str(path) for path in pictures.of(pictures.samples.paths, "")]
    texts = None if paths is None else np.array(paths, object)
    title = name or (UNNAMED if table.kind == "array" else PurePath(table.name).stem)
    return Gathered(table, title, _ids(table, ids, pictures), found, names, texts, pictures)


def _paths(table: Table) -> list[str] | None:
    """Return the file of each sample, where a column of texts says it."""
    key = first_of(table.columns, PATHS)
    values = None if key is None else table.column(key)
    if values is None or values.dtype.kind not in "OUT":
        return None
    return ["" if value is None else str(value) for value in values.tolist()]


def _labels(
    table: Table, given: Any, class_names: Sequence[str] | None, pictures: Pictures | None
) -> tuple[Integers, list[str]]:
    count = table.shape[0]
    key = first_of(table.columns, LABELS) if given is None else None
    if given is not None or key is not None:
        what = repr(given[:60]) if isinstance(given, str) else repr(key) if key else "labels"
        found, names = labels_from(
            column_of(table, key if given is None else given, "labels"), class_names, what
        )
        return found, _names_of_pictures(found, pictures) or names if class_names is None else names
    if pictures is not None and (pictures.samples.labels != UNLABELLED).any():
        return (
            pictures.of(pictures.samples.labels, UNLABELLED).astype(np.int64),
            list(class_names or pictures.samples.class_names),
        )
    return np.full(count, UNLABELLED, np.int64), [str(name) for name in class_names or ()]


def _names_of_pictures(labels: Integers, pictures: Pictures | None) -> list[str] | None:
    """Return the names of the classes of the pictures' data set, where it has the very same labels."""
    if pictures is None or not len(pictures.samples.class_names):
        return None
    same = np.array_equal(pictures.of(pictures.samples.labels, UNLABELLED), labels)
    return list(pictures.samples.class_names) if same and (labels != UNLABELLED).any() else None


def _ids(table: Table, given: Any, pictures: Pictures | None) -> Integers:
    count = table.shape[0]
    key = first_of(table.columns, IDS) if given is None else None
    if given is None and key is not None and table.column(key).dtype.kind not in "iu":
        key = None  # names of samples, which are no ids
    if given is None and key is None:
        own = pictures is not None and not pictures.missing and len(pictures.samples) == count
        return pictures.samples.ids[pictures.rows] if own and pictures is not None else np.arange(count)
    values = column_of(table, key if given is None else given, "ids")
    if values.dtype.kind == "O" and all(str(value).isdecimal() for value in values):
        values = np.array([int(value) for value in values])
    if values.dtype.kind not in "iu" or values.min() < 0 or int(values.max()) > np.iinfo(np.int64).max:
        raise SamplesError(
            "Ids are whole numbers of 0 or more.", "Leave them out to count the samples from 0."
        )
    if len(np.unique(values)) != count:
        raise SamplesError("Two samples have the same id.", "Give each its own, or leave the ids out.")
    return values.astype(np.int64)
