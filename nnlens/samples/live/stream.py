"""Data sets that can only be gone through: read once, into memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.base import drawn
from nnlens.samples.live.indexed import UNSTEADY
from nnlens.samples.live.items import Columns, failed, split_item
from nnlens.samples.live.labels import Label, read_labels
from nnlens.samples.live.values import Forms, is_batch
from nnlens.samples.pixels import ListPixels, in_channels
from nnlens.samples.progress import Progress, Ticker


@dataclass(frozen=True)
class Length:
    """How long a data set says that it is.

    Attributes
    ----------
    count : int
    of_samples : bool
        Whether samples are counted, or items, which may be batches.
    """

    count: int
    of_samples: bool


class Gathered:
    """Pictures in memory: one block while they have one size, else a list.

    Parameters
    ----------
    room : int
        Pictures that are expected.
    """

    def __init__(self, room: int) -> None:
        self.count = 0
        self._room = room
        self._block: NDArray[np.uint8] | None = None
        self._list: list[NDArray[np.uint8]] | None = None

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Add a picture, dims (y, x, channel).

        Raises
        ------
        SamplesError
            If the memory does not hold as many.
        """
        if self._list is None and self._block is None:
            self._block = self._room_for(picture)
        if self._block is not None and picture.shape != self._block.shape[1:]:
            self._list, self._block = list(self._block[: self.count]), None
        if self._block is None:
            assert self._list is not None  # noqa: S101 - one of the two is there
            self._list.append(picture.copy())  # generators may give one buffer again and again
        else:
            if self.count == len(self._block):  # batches that are larger than the first
                self._block = np.concatenate([self._block, np.empty_like(self._block)])
            self._block[self.count] = picture
        self.count += 1

    def pixels(self) -> NDArray[np.uint8] | ListPixels:
        """Return all pictures: (sample, y, x, channel) where they have one size."""
        if self._block is not None:
            return self._block[: self.count]
        pictures: Sequence[NDArray[np.uint8]] = self._list or ()
        channels = max(picture.shape[2] for picture in pictures)
        if len({picture.shape[:2] for picture in pictures}) == 1:
            return np.stack([in_channels(picture, channels) for picture in pictures])
        return ListPixels(pictures)

    def _room_for(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        needed, free = self._room * picture.nbytes, psutil.virtual_memory().available
        if needed > free:
            raise SamplesError(
                f"The data set takes {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free.",
                "Take a part with limit=…, or give a data set that is read by place.",
            )
        return np.empty((max(self._room, 1), *picture.shape), np.uint8)


class Stream:
    """One pass over a data set.

    Parameters
    ----------
    source : iterable
        Of samples or batches.
    length : Length
    columns : Columns or None
        Where samples come by name.
    """

    def __init__(self, source: Iterable[Any], length: Length, columns: Columns | None) -> None:
        self._source, self._length, self._columns = source, length, columns
        self._forms = Forms()
        self._batched: bool | None = None
        self._first: NDArray[np.uint8] | None = None
        self._steady = True

    def read(
        self, limit: int | None, seed: int | None, progress: Progress | None
    ) -> tuple[NDArray[np.uint8] | ListPixels, list[Label], NDArray[np.int64]]:
        """Read what a limit and a seed ask for; all where samples are drawn of a number that only the end tells.

        Returns
        -------
        pixels : ndarray, dims (sample, y, x, channel); or ListPixels
        labels : list
        ids : ndarray, dims (sample,)

        Raises
        ------
        SamplesError
            If it ends before its length or goes on after it, fails, or holds no images.
        """
        tick = Ticker(progress, "reading the data set")
        wanted, end = self._wanted(limit, seed)
        iterator = iter(self._source)
        gathered: Gathered | None = None
        labels: list[Label] = []
        seen = items = 0
        for number, item in enumerate(_guarded(iterator)):
            pictures, given = self._item(number, item)
            items, first, seen = number + 1, seen, seen + len(pictures)
            self._check_end(items, seen)
            if gathered is None:
                gathered = Gathered(self._room(len(pictures), end))
                self._first = pictures[0].copy() if pictures else None
            for place in _chosen(wanted, first, seen, end):
                gathered.add(pictures[place - first])
                labels.append(given[place - first])
            tick(seen if self._length.of_samples else items, self._length.count)
            if gathered.count == end:
                break
        else:
            self._check_whole(items, seen)
        if gathered is None or not gathered.count:
            raise SamplesError("The data set has no samples.", "A generator gives them once: make a new one.")
        self._check_steady(iterator)
        ids = np.arange(gathered.count) if wanted is None else wanted
        return gathered.pixels(), labels, ids

    def _wanted(self, limit: int | None, seed: int | None) -> tuple[NDArray[np.int64] | None, int | None]:
        """Return the positions to keep and how many there are; None for all."""
        if limit is None or (seed is not None and not self._length.of_samples):
            return None, None
        if seed is None or limit >= self._length.count:
            return None, min(limit, self._length.count) if self._length.of_samples else limit
        return drawn(self._length.count, limit, seed), limit

    def _room(self, first: int, end: int | None) -> int:
        """Return how many pictures are expected; a length in batches tells only about."""
        most = self._length.count * (1 if self._length.of_samples else first)
        return most if end is None else min(end, most)

    def _item(self, number: int, item: Any) -> tuple[list[NDArray[np.uint8]], list[Label]]:
        try:
            image, label = split_item(item, self._columns)
            if self._batched is None:
                self._batched = is_batch(image, label)
            pictures = self._forms.batch(image) if self._batched else [self._forms.single(image)]
            return pictures, read_labels(label, len(pictures), self._batched)
        except Exception as error:  # values of any library
            raise failed(f"{'Batch' if self._batched else 'Sample'} {number}", error) from error

    def _check_end(self, items: int, samples: int) -> None:
        if (samples if self._length.of_samples else items) > self._length.count:
            raise SamplesError(f"The data set goes on after {self._words()}.", self._hint())

    def _check_whole(self, items: int, samples: int) -> None:
        if (samples if self._length.of_samples else items) < self._length.count:
            raise SamplesError(
                f"The data set ends after {samples:,} samples{f' in {items:,} batches' if self._batched else ''}, "
                f"where its length is {self._words()}.",
                self._hint(),
            )

    def _words(self) -> str:
        of = "samples" if self._length.of_samples else "batches" if self._batched else "items"
        return f"{self._length.count:,} {of}"

    def _hint(self) -> str:
        if self._length.of_samples:
            return "The length counts samples, not batches; end endless generators with itertools.islice."
        return "Its length must be the number of items that it gives."

    def _check_steady(self, iterator: Iterator[Any]) -> None:
        """Begin again where that can be done: what comes first must be what came first."""
        if iterator is self._source or self._first is None:
            return
        with suppress(Exception):  # what can be gone through only once may say so in any way
            again, _ = self._item(0, next(iter(self._source)))
            self._steady = np.array_equal(again[0], self._first)
        if not self._steady:
            raise SamplesError(*UNSTEADY)


def _chosen(wanted: NDArray[np.int64] | None, first: int, stop: int, end: int | None) -> Iterable[int]:
    """Return which of the positions from `first` to `stop` are kept."""
    if wanted is None:
        return range(first, stop if end is None else min(stop, end))
    low, high = np.searchsorted(wanted, (first, stop))
    return wanted[low:high].tolist()


def _guarded(iterator: Iterator[Any]) -> Iterator[Any]:
    """Yield all items; what fails on the way is named."""
    for number in itertools.count():
        try:
            item = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # code of the data set's own
            raise failed(f"Item {number}", error) from error
        yield item
