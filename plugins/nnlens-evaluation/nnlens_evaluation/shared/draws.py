"""Random selections: as many samples as were chosen, from all or class by class; a bit a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Group = tuple[Index, int]
"""The positions to draw from, and how many."""

AT_ONCE = 16
"""Selections drawn at once: each needs a random number for every sample."""


class Draws:
    """A chosen set of samples, followed by random ones.

    Kept as bits: a thousand selections of a million samples are 125 MB.

    Parameters
    ----------
    chosen : ndarray of bool, dims (sample,)
    label : ndarray, dims (sample,)
        The class of each sample; as many are drawn from each class for the second half.
    count : int
        Random selections of each kind.
    rng : Generator

    Attributes
    ----------
    count : int
    """

    def __init__(self, chosen: Mask, label: NDArray[Any], count: int, rng: np.random.Generator) -> None:
        self.chosen, self.count = chosen, count
        everything: Group = (np.arange(len(chosen)), int(chosen.sum()))
        kinds = ([everything], groups(chosen, label))
        drawn = [drawn_bits(kind, count, len(chosen), rng) for kind in kinds]
        self._bits = np.concatenate([np.packbits(chosen[None], axis=1), *drawn])

    def __len__(self) -> int:
        return len(self._bits)

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return which samples of a block each selection has, dims (selection, sample), as 0 and 1.

        Parameters
        ----------
        start, stop : int
            The first is a multiple of 8.
        """
        part = self._bits[:, start // 8 : (stop + 7) // 8]
        return np.unpackbits(part, axis=1, count=stop - start).astype(np.float32)


def groups(chosen: Mask, label: NDArray[Any]) -> list[Group]:
    """Return the classes of the chosen samples: the positions of each class, and how many of them are chosen."""
    return [
        (np.flatnonzero(label == code), int((chosen & (label == code)).sum()))
        for code in np.unique(label[chosen])
    ]


def drawn_bits(
    groups: Sequence[Group], count: int, total: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw without replacement from each group, dims (selection, byte)."""
    parts = []
    for start in range(0, count, AT_ONCE):
        mask = np.zeros((min(AT_ONCE, count - start), total), bool)
        for members, size in groups:
            _draw(mask, members, size, rng)
        parts.append(np.packbits(mask, axis=1))
    return np.concatenate(parts)


def _draw(mask: Mask, members: Index, size: int, rng: np.random.Generator) -> None:
    """Mark `size` of the members in every row: those with the smallest random numbers."""
    if size == len(members):
        mask[:, members] = True
        return
    keys = rng.random((len(mask), len(members)), np.float32)
    smallest = np.argpartition(keys, size, axis=1)[:, :size]
    np.put_along_axis(mask, members[smallest], True, axis=1)
