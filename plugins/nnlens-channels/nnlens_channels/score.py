"""How much a channel has to say: the entropy of its map times the size of its values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens_channels.blocks import Block, Float, Layer
from nnlens_channels.kernels import entropy
from nnlens_channels.text import caption, samples_used

BINS = 10


class ChannelScore(Analysis):
    """Score every channel by how varied and how strong its maps are.

    Answers "which channels say something about these samples?"; misleads across layers, since the score grows with the
    scale of the values, and about channels that fire rarely, since it is averaged over all samples.

    The score of a map is the entropy of the histogram of its values, in bins of equal width from the map's own minimum
    to its own maximum, with the natural logarithm, times the mean of the absolute values. A constant map scores 0.
    """

    title = "Channel score"
    priority = -1  # in the menu after what works on any layer and asks nothing
    requires = {"activation": ("sample", "channel", "y", "x")}
    provides = {"channel_score": ("sample", "channel"), "score": ("channel",)}

    bins = param.Integer(BINS, bounds=(2, 256), precedence=10, doc="Bins of the histogram of a map.")

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: reading all maps, and two passes over them in the cache."""
        return 0.1 + values_of(sizes) * 6e-9

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Score the finite samples, and average over them."""
        layer = Layer(data["activation"], context)
        parts = [(block.ids, scores(block, self.bins)) for block in layer.blocks()]
        ids, score = (np.concatenate(part) for part in zip(*parts, strict=True))
        return xr.Dataset(
            {
                "channel_score": (("sample", "channel"), score),
                "score": ("channel", score.mean(axis=0, dtype=np.float64).astype(np.float32)),
            },
            coords={"sample": ids},
            attrs={
                "caption": caption(
                    f"entropy of {self.bins} bins × mean magnitude",
                    "bins from each map's minimum to its maximum",
                    "natural logarithm",
                    samples_used(layer.used, layer.left_out),
                ),
                "bins": self.bins,
                "log_base": "e",
                "left_out": layer.left_out,
            },
        )


def scores(block: Block, bins: int = BINS) -> Float:
    """Return the score (sample, channel) of each map."""
    surprise = np.empty(block.low.shape)
    entropy(block.maps, block.low, block.high, bins, surprise)
    magnitude = block.size / block.maps.shape[2]
    return np.minimum(surprise * magnitude, np.finfo(np.float32).max).astype(np.float32)


def values_of(sizes: Mapping[str, int]) -> int:
    """Return how many numbers a layer has over all samples."""
    form = (
        [sizes.get(name, 1) for name in ("channel", "y", "x")]
        if "channel" in sizes
        else [sizes.get("unit", 1)]
    )
    return sizes.get("sample", 0) * int(np.prod(form))
