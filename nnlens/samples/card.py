"""The data card: how many samples of which class, how large, how bright; gone through in batches of bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.samples.pixels import Images
from nnlens.samples.progress import Progress, Ticker

LEVELS = np.arange(256)
BYTES = 4_000_000
"""Pixels of a batch: counting them takes eight times as much."""
FEW = 16
"""Images of a batch whose sizes nobody knows before."""


@dataclass(frozen=True)
class Card:
    """What there is to know of a data set before any network has seen it.

    Attributes
    ----------
    name : str
    samples : int
    class_names : tuple of str
    counts : mapping of str to tuple of int
        Split → samples of each class.
    unlabelled : mapping of str to int
        Split → samples without a label.
    sizes : mapping of tuple of int to int
        (y, x) → images of that size, the most common first.
    channels : int
    mean, std : tuple of float
        One a channel, over all pixels, from 0 to 255; empty where the pixels are not those of the data set.
    broken : mapping of str to str
        File or sample that cannot be read → what is wrong with it.
    """

    name: str
    samples: int
    class_names: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    unlabelled: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    broken: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Return the card as plain data, for JSON."""
        return {
            "name": self.name,
            "samples": self.samples,
            "class_names": list(self.class_names),
            "counts": {split: list(counts) for split, counts in self.counts.items()},
            "unlabelled": dict(self.unlabelled),
            "sizes": [{"y": y, "x": x, "images": count} for (y, x), count in self.sizes.items()],
            "channels": self.channels,
            "mean": list(self.mean),
            "std": list(self.std),
            "broken": dict(self.broken),
        }


class Pixels:
    """Counts the levels of pixels, so that mean and deviation are exact whatever the order."""

    def __init__(self, channels: int) -> None:
        self.sizes: Counter[tuple[int, int]] = Counter()
        self._levels = np.zeros((channels, 256), np.int64)

    def add(self, images: Images | Sequence[NDArray[np.uint8]]) -> None:
        """Add images, dims (sample, y, x, channel), or a list of (y, x, channel)."""
        if not len(images):
            return
        whole = not isinstance(images, list)
        for block in [images] if whole else images:
            array = np.asarray(block)
            self.sizes[array.shape[-3], array.shape[-2]] += len(array) if whole else 1
            for channel, levels in enumerate(self._levels):
                levels += np.bincount(array[..., channel].ravel(), minlength=256)

    def mean(self) -> tuple[float, ...]:
        """Return the mean of each channel."""
        return tuple(float(each @ LEVELS / each.sum()) for each in self._levels if each.any())

    def std(self) -> tuple[float, ...]:
        """Return the standard deviation of each channel."""
        counted = [each for each in self._levels if each.any()]
        return tuple(
            float(np.sqrt(each @ (LEVELS - mean) ** 2 / each.sum()))
            for each, mean in zip(counted, self.mean(), strict=True)
        )


def make_card(
    name: str,
    labels: NDArray[np.int64],
    splits: Sequence[str] | NDArray[np.object_],
    class_names: Sequence[str],
    channels: int,
    batches: Iterable[Images],
    broken: Mapping[str, str],
    progress: Progress | None = None,
) -> Card:
    """Make the card of a data set.

    Parameters
    ----------
    name : str
    labels : array of int, dims (sample,)
        −1 for unlabelled.
    splits : sequence of str
        One a sample.
    class_names : sequence of str
    channels : int
    batches : iterable
        All images, once; those that cannot be read may be missing.
    broken : mapping of str to str
        Looked at after the images: some are found out on the way.
    progress : callable, optional
    """
    pixels, tick, done = Pixels(channels), Ticker(progress, "reading the images"), 0
    for batch in batches:
        pixels.add(batch)
        done += len(batch)
        tick(done, len(labels))
    names, places = np.unique(np.asarray(splits, str), return_inverse=True)
    counts, unlabelled = {}, {}
    for place, split in enumerate(names.tolist()):
        own = labels[places == place]
        width = max(len(class_names), int(own.max(initial=-1)) + 1)
        counts[split] = tuple(np.bincount(own[own >= 0], minlength=width).tolist())
        unlabelled[split] = int((own < 0).sum())
    return Card(
        name=name,
        samples=len(labels),
        class_names=tuple(class_names),
        counts=counts,
        unlabelled=unlabelled,
        sizes=dict(pixels.sizes.most_common()),
        channels=channels,
        mean=pixels.mean(),
        std=pixels.std(),
        broken=dict(broken),
    )


def spans(count: int, shape: tuple[int, int, int] | None) -> Iterator[slice]:
    """Cut samples into batches that need little memory."""
    size = FEW if shape is None else min(4096, max(1, BYTES // max(1, int(np.prod(shape)))))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
