"""The pictures of samples whose embeddings were made elsewhere: which picture belongs to which vector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.table import Table
from nnlens.capturing.loop import thumbnails
from nnlens.capturing.plan import stored_image_shape
from nnlens.errors import SamplesError
from nnlens.samples import load_samples
from nnlens.samples.base import Samples

NONE = -1
"""Row of a sample without a picture."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures by sample.

    Attributes
    ----------
    samples : Samples
        Where they are read from.
    rows : ndarray of int64, dims (sample,)
        The picture of each sample among them; −1 where its file is no picture.
    shape : tuple of int
        (y, x, channel) that they are stored in.
    """

    samples: Samples
    rows: NDArray[np.int64]
    shape: tuple[int, int, int]

    def read(self, part: slice) -> NDArray[np.uint8]:
        """Return the pictures of some samples as they are stored; black where there is none."""
        rows = self.rows[part]
        there = rows != NONE
        out = np.zeros((len(rows), *self.shape), np.uint8)
        if there.any():
            out[there] = thumbnails(self.samples.images(rows[there]), self.shape)
        return out

    def of(self, values: Sequence[Any] | NDArray[Any], missing: Any) -> NDArray[Any]:
        """Take what is known of each picture, dims (sample,)."""
        found = np.asarray(values)
        return np.where(self.rows == NONE, missing, found[self.rows])

    @property
    def missing(self) -> int:
        """How many samples have no picture."""
        return int((self.rows == NONE).sum())


def find_pictures(table: Table, given: Any, paths: Sequence[str] | None, split: str) -> Pictures | None:
    """Find the pictures of the vectors in a table.

    Parameters
    ----------
    table : Table
    given : Samples, array (sample, y, x[, channel]) of uint8, str or path, optional
        A name or path is opened by `load_samples`; what lies beside the vectors is taken when left out.
    paths : sequence of str, optional
        The file of each sample, which says its picture in a folder.
    split : str
        As in `load_samples`.

    Raises
    ------
    SamplesError
        If there are others than one picture for each vector.
    """
    count = table.shape[0]
    if given is None:
        beside = table.pictures()
        samples = None if beside is None else Samples(beside)
        by_path = False
    elif isinstance(given, Samples):
        samples, by_path = given, False
    elif isinstance(given, str | os.PathLike):
        samples = load_samples(given, split)
        by_path = samples.paths is not None and Path(os.path.expanduser(os.fspath(given))).is_dir()  # noqa: PTH111
    else:
        samples, by_path = Samples(np.asarray(given)), False
    if samples is None:
        return None
    rows = _by_path(samples, paths) if by_path and paths is not None else _by_place(samples, count)
    return Pictures(samples, rows, stored_image_shape(samples))


def _by_place(samples: Samples, count: int) -> NDArray[np.int64]:
    """Pair vectors and pictures by their order; files that are no pictures have a place in it, too."""
    if len(samples) == count:
        return np.arange(count)
    if len(samples) + len(samples.broken) == count and samples.ids.max() < count:
        rows = np.full(count, NONE, np.int64)
        rows[samples.ids] = np.arange(len(samples))
        return rows
    raise SamplesError(
        f"There are {len(samples):,} pictures for {count:,} embeddings.",
        "Give one for each, in the same order, or a column of paths with the folder that they begin from.",
    )


def _by_path(samples: Samples, paths: Sequence[str]) -> NDArray[np.int64]:
    """Pair vectors and pictures by path below the folder, or by a file's name where only one has it.

    Only what was found in the folder is ever opened, so a path that leads out of it finds nothing.
    """
    places = {path: place for place, path in enumerate(samples.paths or ())}
    places |= dict.fromkeys(samples.broken, NONE)
    names: dict[str, list[int]] = {}
    for path, place in places.items():
        names.setdefault(_name(path), []).append(place)

    def find(path: str) -> int | None:
        plain = path.replace("\\", "/").removeprefix("./")
        alone = names.get(_name(plain), [])
        return places.get(plain, alone[0] if len(alone) == 1 else None)

    found = [find(path) for path in paths]
    lost = [path for path, place in zip(paths, found, strict=True) if place is None]
    if lost:
        raise SamplesError(
            f"{len(lost):,} of {len(paths):,} paths are no picture in the folder; the first is {lost[0][:80]!r}.",
            "Give the folder that the paths begin from.",
        )
    return np.array(found, np.int64)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
