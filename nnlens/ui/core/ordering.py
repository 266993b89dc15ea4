"""Samples in an order, the first of it foremost, and which of a selection come first."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nnlens.state import Mask

Positions = NDArray[np.intp]


class Ordering:
    """An order of the samples of a run.

    Parameters
    ----------
    positions : ndarray of int, dims (sample,)
        Positions in that order, each at most once; those that are left out have no place in it.
    total : int
        Samples of the run.
    """

    def __init__(self, positions: Positions, total: int) -> None:
        self.positions, self._total = positions, total

    @classmethod
    def by(cls, score: NDArray[np.floating]) -> Ordering:
        """Put the samples with the highest score first, dims (sample,); those without one are left out."""
        there = np.flatnonzero(np.isfinite(score))
        return cls(there[np.argsort(-score[there], kind="stable")], len(score))

    @cached_property
    def _rank(self) -> NDArray[np.int32]:
        """The place of each sample, dims (sample,); −1 for those without one."""
        rank = np.full(self._total, -1, np.int32)
        rank[self.positions] = np.arange(len(self.positions), dtype=np.int32)
        return rank

    def count(self, mask: Mask | None) -> int:
        """Count the chosen samples that have a place, all where nothing is chosen."""
        return (
            len(self.positions)
            if mask is None
            else int(np.count_nonzero(self._rank[np.flatnonzero(mask)] >= 0))
        )

    def first(self, mask: Mask | None, limit: int | None = None) -> Positions:
        """Return the chosen positions in this order, all where nothing is chosen; only so many where there is a limit.

        A tenth of the time of a look at all positions in their order, where few of a million are asked for.
        """
        if mask is None:
            return self.positions[:limit]
        ranks = self._rank[np.flatnonzero(mask)]
        ranks = ranks[ranks >= 0]
        if limit is not None and limit < len(ranks):
            ranks = np.partition(ranks, limit)[:limit]
        return self.positions[np.sort(ranks)]
