"""The order in which samples are looked at: the worst first, the wrong ones of the selection."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core.ordering import Ordering, Positions
from nnlens.ui.core.session import Session


class Walk:
    """Steps through the worst samples with j and k.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._stops: tuple[Mask | None, Positions] | None = None

    @cached_property
    def by_loss(self) -> Ordering:
        """All samples, the largest loss first; those without a loss last."""
        loss = self.session.data.loss
        return Ordering(np.argsort(-np.nan_to_num(loss, nan=-np.inf), kind="stable"), len(loss))

    @cached_property
    def wrong(self) -> Mask:
        """Which samples have a label that is not the prediction, dims (sample,)."""
        data = self.session.data
        if not data.scored:
            return np.zeros(len(data), bool)
        return (data.label != data.prediction) & (data.label != UNLABELLED)

    @cached_property
    def _wrong_by_loss(self) -> Ordering:
        positions = self.by_loss.positions
        return Ordering(positions[self.wrong[positions]], len(self.wrong))

    def worst(self, mask: Mask | None, limit: int | None = None) -> Positions:
        """Return the chosen positions, all where nothing is, the largest loss first."""
        return self.by_loss.first(mask, limit)

    def stops(self) -> Positions:
        """Return where j and k stop: the wrong samples of the selection, all of it where none is wrong."""
        mask = self.session.state.mask
        if self._stops is None or self._stops[0] is not mask:
            wrong = self._wrong_by_loss.first(mask)
            self._stops = (mask, wrong if len(wrong) else self.worst(mask))
        return self._stops[1]

    def place(self) -> tuple[int, int]:
        """Return where the focus stands among the stops, from 1 (0 if it is none), and how many there are."""
        stops, position = self.stops(), self.session.data.position(self.session.state.focus)
        found = np.flatnonzero(stops == (-1 if position is None else position))
        return (int(found[0]) + 1 if len(found) else 0), len(stops)

    def step(self, by: int) -> None:
        """Move the focus to the next stop, or to the one before."""
        stops = self.stops()
        if len(stops):
            at, _ = self.place()
            start = at - 1 if at else (-1 if by > 0 else 0)
            self.session.state.focus = int(self.session.data.ids[stops[(start + by) % len(stops)]])
