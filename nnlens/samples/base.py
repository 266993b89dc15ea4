"""Samples: the images of a data set with what is known of each, in one fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlens.errors import SamplesError
from nnlens.samples.card import Card, make_card, spans
from nnlens.samples.pixels import ArrayPixels, Images, Pixels, Positions
from nnlens.samples.progress import Progress
from nnlens.samples.synsets import imagenet
from nnlens.schema import UNLABELLED

Integers = NDArray[np.int64]
MOST_CLASSES = 100_000
"""Classes without names beyond which labels are taken for something else: each costs memory in all that follows."""


class Samples:
    """Images with ids, labels and class names.

    Parameters
    ----------
    images : ndarray, dims (sample, y, x) or (sample, y, x, channel), uint8; or Pixels
        Grey or RGB pixels; those of `Pixels` are read when they are needed, and may differ in size.
    labels : array of int, dims (sample,), optional
        Class indices; −1, and nothing at all, mean unlabelled.
    ids : array of int, dims (sample,), optional
        Position of each sample in the whole data set; 0, 1, … when left out.
    class_names : sequence of str, optional
        One a class; the indices when left out.
    class_codes : sequence of str, optional
        What the data set itself calls its classes, such as synsets of WordNet: see `for_outputs`.
    split : str or sequence of str
        The part of the data set that all samples, or each of them, belong to.
    name : str
        Of the data set, for titles.
    reference : mapping, optional
        The arguments with which `load_samples` opens the same again in another process.

    Raises
    ------
    SamplesError
        If shapes or types do not fit each other.
    """

    def __init__(
        self,
        images: ArrayLike | Pixels,
        labels: ArrayLike | None = None,
        *,
        ids: ArrayLike | None = None,
        class_names: Sequence[str] | None = None,
        class_codes: Sequence[str] | None = None,
        split: str | Sequence[str] = "train",
        name: str = "samples",
        reference: Mapping[str, Any] | None = None,
    ) -> None:
        # a protocol's isinstance would take arrays for pixels whose attributes are missing
        ready = hasattr(images, "read") and hasattr(images, "part")
        self._pixels: Pixels = cast("Pixels", images) if ready else ArrayPixels(np.asarray(images))
        count = len(self._pixels)
        self.labels = _checked_labels(labels, count)
        self.ids = np.arange(count) if ids is None else _integers(ids, count, "ids")
        self.class_names = _checked_class_names(class_names, self.labels)
        self.class_codes = None if class_codes is None else tuple(class_codes)
        self.splits = _splits(split, count)
        self.name = name
        self.reference = dict(reference) if reference is not None else None

    def __len__(self) -> int:
        return len(self._pixels)

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.image_shape)) if self.image_shape else "several sizes"
        return (
            f"<Samples {self.name} {self.split}: {len(self):,} of {shape}, {len(self.class_names)} classes>"
        )

    @property
    def split(self) -> str:
        """The part that all samples belong to, or ``"all"`` when they differ."""
        parts = set(self.splits)
        return parts.pop() if len(parts) == 1 else "all"

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Shape of one image, (y, x, channel); None where they differ in size."""
        return self._pixels.image_shape

    @property
    def channels(self) -> int:
        """Number of channels: 1 (grey) or 3 (RGB)."""
        return self._pixels.channels

    @property
    def paths(self) -> tuple[str, ...] | None:
        """Files of the images below the data set's folder, where each has one."""
        return self._pixels.paths

    @property
    def broken(self) -> Mapping[str, str]:
        """Files that are no pictures, or damaged, and what is wrong with each: left out, or found out on the way."""
        return self._pixels.broken

    def images(self, positions: Positions) -> Images:
        """Return images by position, not by id.

        Returns
        -------
        ndarray, dims (sample, y, x, channel), uint8; or a list of ndarray, dims (y, x, channel)
            A list where they differ in size. A slice of an array gives a view, which must not be written to.
        """
        return self._pixels.read(positions)

    def lost(self, positions: slice) -> NDArray[np.bool_]:
        """Tell which of a slice of samples turned out to be damaged when they were read, dims (sample,)."""
        if not self.broken or self.paths is None:
            return np.zeros(len(range(*positions.indices(len(self)))), bool)
        return np.array([path in self.broken for path in self.paths[positions]], bool)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over pixels, labels, ids and class names."""
        digest = hashlib.sha256()
        self._pixels.update(digest)
        for array in (self.labels, self.ids):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        digest.update("\0".join(self.class_names).encode())
        return digest.hexdigest()

    def card(self, progress: Progress | None = None) -> Card:
        """Go through all images once, and tell how many there are of each class, how large and how bright.

        Parameters
        ----------
        progress : callable, optional
            Is called as ``progress(done, total, message)`` several times a second.
        """
        whole = (self._whole(span) for span in spans(len(self), self.image_shape))
        return make_card(
            self.name, self.labels, self.splits, self.class_names, self.channels, whole, self.broken, progress
        )

    def _whole(self, span: slice) -> Images:
        """Return the images of a slice without those that are damaged."""
        images = self.images(span)
        lost = self.lost(span)
        if not lost.any():
            return images
        return [image for image, gone in zip(images, lost, strict=True) if not gone]

    def take(self, count: int | None, seed: int | None = None) -> Samples:
        """Return some of the samples, in their order and with the ids they have here.

        Parameters
        ----------
        count : int or None
            How many; None, and more than there are, return all.
        seed : int, optional
            Draw them at random, the same for the same seed; the first ones when left out.

        Raises
        ------
        SamplesError
            If `count` is not positive, or the seed is negative or without a count.
        """
        check_limit(count, seed)
        if count is None:
            return self
        part = slice(count) if seed is None or count >= len(self) else drawn(len(self), count, seed)
        taken = {"limit": count} if seed is None else {"limit": count, "seed": seed}
        reference = None if self.reference is None else self.reference | taken
        return self._with(part, self.labels[part], self.class_names, self.class_codes, reference)

    def for_outputs(self, class_count: int) -> Samples:
        """Return the samples with labels that count as a network's outputs do.

        A few classes of ImageNet, in folders named by their synsets, are counted 0, 1, … by a network that was trained
        on those alone, and by their places among the 1,000 by one that knows all.

        Parameters
        ----------
        class_count : int
            Outputs of the network.
        """
        codes = self.class_codes
        if codes is None or class_count == len(codes) or class_count != len(imagenet()):
            return self
        order = {synset: place for place, synset in enumerate(imagenet())}
        places = np.array([order[code] for code in codes])
        labels = np.where(self.labels == UNLABELLED, UNLABELLED, places[self.labels])
        return self._with(slice(None), labels, list(imagenet().values()), list(imagenet()), self.reference)

    def _with(
        self,
        part: slice | Integers,
        labels: Integers,
        class_names: Sequence[str],
        class_codes: Sequence[str] | None,
        reference: Mapping[str, Any] | None,
    ) -> Samples:
        return Samples(
            self._pixels.part(part),
            labels,
            ids=self.ids[part],
            class_names=class_names,
            class_codes=class_codes,
            split=list(self.splits[part]),
            name=self.name,
            reference=reference,
        )


def check_limit(count: int | None, seed: int | None) -> None:
    """Refuse a limit and a seed that `Samples.take` cannot take.

    Raises
    ------
    SamplesError
        If `count` is not positive, or the seed is negative or without a count.
    """
    if seed is not None and (count is None or seed < 0):
        told = "needs a limit" if count is None else f"cannot be {seed}"
        raise SamplesError(f"A seed {told}.", "Give a limit, and a seed of 0 or more.")
    if count is not None and count < 1:
        raise SamplesError(f"A limit of {count} samples leaves nothing.", "Give 1 or more.")


def drawn(total: int, count: int, seed: int) -> Integers:
    """Draw positions without repetition, in ascending order."""
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))


def _integers(values: ArrayLike, count: int, what: str) -> Integers:
    array = np.asarray(values)
    if array.shape != (count,) or not (np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_):
        raise SamplesError(
            f"{count} images need {count} integers as {what}, not {array.dtype} of shape {array.shape}.",
            "One-hot labels become integers with argmax(axis=1)."
            if array.ndim == 2
            else f"Give one whole number for each image as {what}.",
        )
    return array.astype(np.int64)


def _checked_labels(labels: ArrayLike | None, count: int) -> Integers:
    if labels is None:
        return np.full(count, UNLABELLED, np.int64)
    array = _integers(labels, count, "labels")
    if array.min() < UNLABELLED:
        raise SamplesError(
            f"A label of {array.min()} is no class.", "Use −1 for unlabelled, 0 and up for classes."
        )
    return array


def _checked_class_names(names: Sequence[str] | None, labels: Integers) -> tuple[str, ...]:
    needed = int(labels.max()) + 1
    if names is None:
        if needed > MOST_CLASSES:
            raise SamplesError(
                f"There is a label {needed - 1:,}, and labels count classes from 0.",
                "Are these ids or times? Number the classes, or name them.",
            )
        return tuple(map(str, range(needed)))
    if len(names) < needed:
        raise SamplesError(
            f"There is a label {needed - 1} but only {len(names)} class names.",
            "Name every class, in label order.",
        )
    return tuple(map(str, names))


def _splits(split: str | Sequence[str], count: int) -> NDArray[np.object_]:
    parts = np.empty(count, object)
    if isinstance(split, str):
        parts[:] = split
        return parts
    if len(split) != count:
        raise SamplesError(
            f"{count} images need {count} splits, not {len(split)}.", "Or give one name for all."
        )
    parts[:] = list(split)
    return parts
