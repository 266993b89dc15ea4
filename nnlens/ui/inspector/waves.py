"""Hidden vectors as waveforms, smoothed or raw, with that of the sample that is looked at behind them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from nnlens.errors import StoreError
from nnlens.schema import INPUT
from nnlens.ui.core.session import Session
from nnlens.ui.inspector.charts import Line, lines

WINDOW, ORDER = 81, 3
KEPT = 256
"""Vectors that a page keeps."""


class Waves:
    """The hidden vectors of samples.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._kept: OrderedDict[tuple[str, int], NDArray[np.float32]] = OrderedDict()

    def drawn(self, layer: str, sample: int, near: Sequence[int], raw: bool) -> dict[int, Markup]:
        """Draw the vector of each neighbor over that of the sample; nothing where the run has none.

        Parameters
        ----------
        layer : str
        sample : int
        near : sequence of int
            Ids of the neighbors.
        raw : bool
            Whether they are drawn as they are.
        """
        try:
            own, *others = self._vectors(layer, [sample, *near])
        except StoreError:
            return {}
        form = np.asarray if raw else smoothed
        words = f"vector of {'one unit' if len(own) == 1 else f'{len(own)} units'}"
        return {
            each: lines(
                [Line(form(vector), "near"), Line(form(own), "own")], f"sample {each}: {words}", "wave"
            )
            for each, vector in zip(near, others, strict=True)
        }

    def units(self, layer: str, sample: int) -> int:
        """Return how many units the vector of a sample has; 0 where the run has none."""
        try:
            return len(self._vectors(layer, [sample])[0])
        except StoreError:
            return 0

    def _vectors(self, layer: str, samples: Sequence[int]) -> list[NDArray[np.float32]]:
        missing = [sample for sample in dict.fromkeys(samples) if (layer, sample) not in self._kept]
        if missing:
            for sample, vector in zip(missing, self._read(layer, missing), strict=True):
                self._kept[layer, sample] = vector
        found = [self._kept[layer, sample] for sample in samples]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _read(self, layer: str, samples: Sequence[int]) -> NDArray[np.float32]:
        """Read vectors, dims (sample, unit): of pixels all, of a layer with height and width its means over space."""
        lens = self.session.lens
        if lens is None:
            raise StoreError("There is no run.")
        positions = lens.store.positions(samples)
        values = lens.store.activation(layer) if layer == INPUT else lens.store.pooled(layer)
        return np.asarray(values[positions].values, np.float32).reshape(len(positions), -1)


def window_of(units: int) -> int:
    """Return over how many units a vector is smoothed: 81, the largest odd number that fits, 0 where none does."""
    window = min(WINDOW, units - 1 + units % 2)
    return window if window > ORDER else 0


def smoothed(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Smooth a vector, dims (unit,), by Savitzky and Golay's filter: window 81, order 3.

    A shorter vector gets the largest odd window that fits; one of fewer than four values, or with one that is not
    finite, stays as it is.
    """
    window = window_of(len(values))
    if not window or not np.isfinite(values).all():
        return np.asarray(values, np.float64)
    return np.asarray(savgol_filter(np.asarray(values, np.float64), window, ORDER))
