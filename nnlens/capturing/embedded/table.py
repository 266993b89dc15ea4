"""Tables of vectors: what every kind of source is turned into, and the one that is an array in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError

Block = NDArray[Any]
NUMBERS = "biuf"
VECTORS = ("embedding", "embeddings", "vector", "vectors", "feature", "features", "activation", "activations")
"""Names of arrays and columns that are vectors whatever else there is."""
LABELS = ("label", "labels", "class", "class_name", "target", "targets", "category", "y")
IDS = ("id", "ids", "sample", "sample_id")
PATHS = ("path", "paths", "file", "filename", "file_name", "filepath", "file_path", "image_path", "img_path")
PICTURES = ("image", "images", "picture", "pictures")


class Table(Protocol):
    """A row for each sample: its vector, and what stands in columns beside it.

    Attributes
    ----------
    name : str
        What messages and titles call it.
    kind : str
        Such as ``"npz"``.
    shape : tuple of int
        (sample, unit).
    columns : tuple of str
        Names of what `column` gives.
    """

    name: str
    kind: str
    shape: tuple[int, int]
    columns: tuple[str, ...]

    def blocks(self, start: int, size: int) -> Iterator[Block]:
        """Yield vectors, dims (sample, unit), in blocks of `size` samples from one on; the last may be shorter."""

    def column(self, name: str) -> NDArray[Any]:
        """Return a column, dims (sample,), of numbers or texts."""

    def pictures(self) -> NDArray[np.uint8] | None:
        """Return the pictures that lie beside the vectors, dims (sample, y, x, channel), if any."""


class ArrayTable:
    """Vectors in memory, or mapped into it.

    Parameters
    ----------
    values : ndarray, dims (sample, unit)
    name, kind : str

    Raises
    ------
    SamplesError
        If these are no vectors.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, values: NDArray[Any], name: str = "array", kind: str = "array") -> None:
        self.name, self.kind = name, kind
        self.shape = checked_shape(values.shape, values.dtype, name)
        self._values = values

    def blocks(self, start: int, size: int) -> Iterator[Block]:
        """Yield slices."""
        for first in range(start, self.shape[0], size):
            yield self._values[first : first + size]

    def column(self, name: str) -> NDArray[Any]:
        """Refuse: an array has no columns."""
        raise no_column(self, name)

    def pictures(self) -> NDArray[np.uint8] | None:
        """Return nothing."""
        return None


def checked_shape(shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> tuple[int, int]:
    """Return the shape of vectors, (sample, unit).

    Raises
    ------
    SamplesError
        If there are none in an array of this shape and type.
    """
    if len(shape) != 2:
        hint = (
            "One number a sample is a column: reshape(-1, 1)."
            if len(shape) == 1
            else "Make each sample a row: reshape(len(x), -1), or a mean over space."
        )
        raise SamplesError(f"{what} has {len(shape)} axes where embeddings have two, (sample, unit).", hint)
    if dtype.kind not in NUMBERS:
        raise SamplesError(
            f"{what} holds {dtype.name if dtype.names is None else 'records'} where embeddings are numbers.",
            "Save plain floats or integers.",
        )
    if 0 in shape:
        raise SamplesError(
            f"{what} is empty: its shape is {shape}.", "Give at least one sample and one unit."
        )
    return int(shape[0]), int(shape[1])


def no_column(table: Table, name: str) -> SamplesError:
    """Return the error for a column that is not there."""
    from nnlens.samples.naming import listed

    there = f"It has {listed(table.columns)}." if table.columns else "It has none."
    return SamplesError(f"{table.name} has no column {name[:60]!r}.", there)


def first_of(names: Iterable[str], words: Iterable[str]) -> str | None:
    """Return the first name that is one of the words, in the order of the words; case does not matter."""
    found = {name.strip().lower(): name for name in reversed(list(names))}
    return next((found[word] for word in words if word in found), None)


def regrouped(parts: Iterable[Block], size: int, skip: int = 0) -> Iterator[Block]:
    """Yield blocks of one size from parts of any, leaving out the first samples."""
    waiting: list[Block] = []
    have = 0
    for given in parts:
        part = given[skip:]
        skip -= len(given) - len(part)
        while len(part):
            taken = part[: size - have]
            waiting.append(taken)
            have, part = have + len(taken), part[len(taken) :]
            if have == size:
                yield np.concatenate(waiting)
                waiting, have = [], 0
    if have:
        yield np.concatenate(waiting)
