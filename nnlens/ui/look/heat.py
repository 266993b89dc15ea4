"""A map over a picture: one number a pixel, the scale it is drawn on, and its colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.palettes import Inferno256
from numpy.typing import NDArray

from nnlens.ui.look.palette import Theme, diverging, rgb

SHOWN = 99.5
"""Percentile of the sizes that the scale ends at: a single pixel in ten thousand would hide all others."""


def flat(values: NDArray[Any]) -> NDArray[np.float64]:
    """Reduce dims (channel, y, x) to (y, x) by the channel with the largest size; (y, x) stays."""
    array = np.nan_to_num(np.asarray(values, np.float64))
    if array.ndim == 2:
        return array
    strongest = np.abs(array).argmax(axis=0)
    return np.take_along_axis(array, strongest[None], axis=0)[0]


@dataclass(frozen=True, eq=False)
class Heat:
    """A map and the scale it is drawn on.

    Attributes
    ----------
    values : ndarray, dims (y, x)
    low, top : float
        Where colors begin and end; of signed values they end at −top too.
    signed : bool
        Whether some are negative.
    cut : bool
        Whether some values lie beyond the scale.
    """

    values: NDArray[np.float64]
    low: float
    top: float
    signed: bool
    cut: bool

    @classmethod
    def of(cls, values: NDArray[Any]) -> Heat:
        """Scale a map, dims (y, x) or (channel, y, x), to its own values."""
        shown = flat(values)
        largest = float(np.abs(shown).max(initial=0))
        top = float(np.percentile(np.abs(shown), SHOWN)) or largest or 1.0
        return cls(shown, _floor(shown, top), top, bool((shown < 0).any()), largest > top)

    @property
    def scaled(self) -> NDArray[np.float64]:
        """The values on the scale, from −1 or 0 to 1."""
        return np.asarray(np.clip((self.values - self.low) / (self.top - self.low), -1, 1))

    def pixels(self, theme: Theme) -> NDArray[np.uint8]:
        """Color it, dims (y, x, channel) with four channels.

        Signed values in two colors about the surface; others in Inferno whose opacity grows with the value, so that
        "nothing here" leaves the picture untouched.
        """
        scaled = self.scaled
        if self.signed:
            colors = np.array([rgb(color) for color in diverging(theme, 255)])
            place, alpha = np.rint((scaled + 1) * 127).astype(int), np.full(scaled.shape, 255.0)
        else:
            colors, place = np.array([rgb(color) for color in Inferno256]), np.rint(scaled * 255).astype(int)
            alpha = 255 * np.clip(scaled * 1.25, 0, 1)
        return np.dstack([colors[place], alpha]).astype(np.uint8)

    def shade(self) -> NDArray[np.uint8]:
        """Return what darkens a picture to its product with the map, dims (y, x, channel) with four channels."""
        alpha = np.rint(255 * (1 - np.clip(self.scaled, 0, 1)))
        return np.dstack([np.zeros((*alpha.shape, 3)), alpha]).astype(np.uint8)

    def bar(self, theme: Theme, steps: int = 9) -> list[str]:
        """Return the colors of the scale, from its low end to its high one, as CSS."""
        ends = np.linspace(-1 if self.signed else 0, 1, steps)
        line = Heat(ends[None], 0.0, 1.0, self.signed, False).pixels(theme)[0]
        return [f"rgba({r},{g},{b},{a / 255:.2f})" for r, g, b, a in line.tolist()]


def product(places: NDArray[Any], details: NDArray[Any]) -> NDArray[np.float64] | None:
    """Multiply a map of places, dims (y, x), with one of details; None where they are not of one size."""
    one, other = flat(places), np.asarray(details, np.float64)
    return one * other if one.shape == other.shape[-2:] else None


def _floor(values: NDArray[np.float64], top: float) -> float:
    """Return where colors begin: zero, unless all values are large, as those of RISE are, and still differ."""
    low = float(values.min())
    return low if low > top / 2 and top > 1.02 * low else 0.0
