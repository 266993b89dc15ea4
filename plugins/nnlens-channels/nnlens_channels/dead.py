"""Channels that say nothing: those that never fire, and those that always fire at their limit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_channels.blocks import Block, Double, Float, Layer
from nnlens_channels.kernels import at_most, spread
from nnlens_channels.score import values_of
from nnlens_channels.text import caption, count, samples_used

PROVIDES = dict.fromkeys(
    ("dead", "silent", "saturated", "mean", "maximum", "standard_deviation"), ("channel",)
)


class DeadChannels(Analysis):
    """Find the channels that never fire, and those that are mostly at their limit.

    Answers "which channels could be taken out?"; misleads where the samples are few or all alike: a channel may wait
    for what is not among them.

    `silent` is the share of samples with no value above 0 anywhere in the channel. `dead` is 1 for a channel that is
    silent in all samples; in a layer that has negative values, as before a nonlinearity, it is 1 for a channel whose
    output is constant. `saturated` is the share of values that equal the channel's largest one: high where a
    nonlinearity has a limit (ReLU6, sigmoid, tanh) and the channel has reached it; 0 for a dead channel.
    """

    title = "Dead channels"
    priority = -1  # in the menu after what works on any layer and asks nothing
    requires = {"activation": ("sample", "...")}
    provides = PROVIDES

    limit = param.Number(
        0.5,
        bounds=(0.01, 1),
        precedence=10,
        doc="Share of values at the channel's largest one from which the caption counts it as saturated.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass over the layer."""
        return 0.1 + values_of(sizes) * 4e-9

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Go through the finite samples once."""
        layer = Layer(data["activation"], context)
        tally = Tally(layer.channels, layer.places)
        for block in layer.blocks():
            tally.add(block)
        dead, saturated = tally.dead(), tally.saturated()
        arrays = (dead, tally.silent / tally.samples, saturated, tally.mean, tally.high, tally.deviation())
        return xr.Dataset(
            {
                name: ("channel", np.asarray(array, np.float32))
                for name, array in zip(PROVIDES, arrays, strict=True)
            },
            attrs={
                "caption": caption(
                    f"{int(dead.sum()):,} dead of {count(layer.channels, 'unit' if layer.flat else 'channel')}",
                    f"{int((saturated >= self.limit).sum()):,} saturated",
                    "dead is constant: the layer has negative values" if tally.signed else "",
                    samples_used(layer.used, layer.left_out),
                ),
                "dead_channels": int(dead.sum()),
                "saturated_channels": int((saturated >= self.limit).sum()),
                "signed": bool(tally.signed),
                "left_out": layer.left_out,
            },
        )


class Tally:
    """What is known of the channels after some blocks: the numbers do not depend on how the samples are cut.

    Parameters
    ----------
    channels, places : int
    """

    def __init__(self, channels: int, places: int) -> None:
        self.samples, self._places = 0, places
        self.low: Float = np.full(channels, np.inf, np.float32)
        self.high: Float = np.full(channels, -np.inf, np.float32)
        self.silent = np.zeros(channels, np.int64)
        self.mean: Double = np.zeros(channels)
        self._squares: Double = np.zeros(channels)
        self._at_high = np.zeros(channels, np.int64)

    def add(self, block: Block) -> None:
        """Take in a block."""
        self.silent += (block.high <= 0).sum(axis=0)
        self._add_high(block)
        self.low = np.minimum(self.low, block.low.min(axis=0))
        self._add_moments(block)

    def _add_high(self, block: Block) -> None:
        high = np.maximum(self.high, block.high.max(axis=0))
        self._at_high[high > self.high] = 0
        self.high = high
        at_most(block.maps, high, self._at_high)

    def _add_moments(self, block: Block) -> None:
        """Merge the mean and the sum of squares around it (Chan, Golub and LeVeque, 1979)."""
        new, before = len(block.ids) * self._places, self.samples * self._places
        mean = block.total.sum(axis=0) / new
        squares = np.zeros_like(mean)
        spread(block.maps, mean, squares)
        away = mean - self.mean
        self._squares += squares + away**2 * before * new / (before + new)
        self.mean = self.mean + away * new / (before + new)
        self.samples += len(block.ids)

    @property
    def signed(self) -> bool:
        """Whether the layer has negative values."""
        return bool((self.low < 0).any())

    def dead(self) -> NDArray[np.bool_]:
        """Return which channels never fire."""
        return self.low == self.high if self.signed else self.silent == self.samples

    def saturated(self) -> Double:
        """Return the share of values that equal the largest."""
        return np.where(self.dead(), 0, self._at_high / (self.samples * self._places))

    def deviation(self) -> Double:
        """Return the standard deviation of all values."""
        return np.sqrt(self._squares / (self.samples * self._places))
