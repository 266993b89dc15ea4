"""The samples that drive each channel most, and what in them does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.schema import INPUT
from nnlens_channels.blocks import Layer
from nnlens_channels.kernels import keep_best
from nnlens_channels.score import values_of
from nnlens_channels.text import caption, count, samples_used

Index = NDArray[np.int64]


class TopSamples(Analysis):
    """Find the samples that drive each channel most, and the patch of them that does.

    Answers "what does this channel look for?"; misleads where a channel looks for several things, of which the
    strongest hides the others, and where it fires on borders.

    `place` is the row and column of the largest value in the map, the first one of equal ones. `patch` is what that
    place can see: top, left, bottom, right in pixels of a picture of `input_height` by `input_width`, the last two
    exclusive, cut at its border. Of a flat layer place is −1 and patch all that its units can see: mostly everything.
    """

    title = "Top samples"
    priority = -1  # in the menu after what works on any layer and asks nothing
    requires = {"activation": ("sample", "..."), "receptive_field": ("row", "column", "edge")}
    provides = {
        "rank_sample": ("channel", "rank"),
        "value": ("channel", "rank"),
        "place": ("channel", "rank", "axis"),
        "patch": ("channel", "rank", "edge"),
    }

    k = param.Integer(50, bounds=(1, 1000), label="Samples", doc="Number of samples for each channel.")

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass over the layer."""
        return 0.1 + values_of(sizes) * 3e-9

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Search among the finite samples; fewer than `k` give fewer ranks."""
        layer, field = Layer(data["activation"], context), data["receptive_field"]
        best = Best(layer, self.k)
        for block in layer.blocks():
            keep_best(block.maps, block.high, block.ids, best.value, best.sample, best.place)
        found = best.cut(layer.used)
        exact = bool(field.attrs["exact"]) or context.request.layer == INPUT
        row, column = np.divmod(found.place, layer.form[1])
        place = np.full((*found.place.shape, 2), -1) if layer.flat else np.stack([row, column], axis=-1)
        facts = {name: int(field.attrs[name]) for name in ("input_height", "input_width")}
        word = "unit" if layer.flat else "channel"
        alike = (
            int((found.value[:, 0] == found.value[:, -1]).sum()) if layer.used > found.value.shape[1] else 0
        )
        return xr.Dataset(
            {
                "rank_sample": (("channel", "rank"), found.sample),
                "value": (("channel", "rank"), found.value),
                "place": (("channel", "rank", "axis"), place),
                "patch": (("channel", "rank", "edge"), patches(field, layer, row, column)),
            },
            attrs={
                "caption": caption(
                    f"{count(found.value.shape[1], 'sample')} of each {word}",
                    "" if layer.flat else "patch is the receptive field" if exact else APPROXIMATE,
                    f"{count(alike, word)} with equal values: lowest ids" if alike else "",
                    samples_used(layer.used, layer.left_out),
                ),
                "k": found.value.shape[1],
                "exact_patch": exact or layer.flat,
                "left_out": layer.left_out,
                **facts,
            },
        )


APPROXIMATE = "patch is the cell's share of the picture, smaller than what it sees: give the model for that"


class Best:
    """The best samples of each channel so far, strongest first.

    Attributes
    ----------
    value, sample, place : ndarray, dims (channel, rank)
        Place as a number within the map, row by row.
    """

    def __init__(self, layer: Layer, k: int) -> None:
        form = (layer.channels, min(k, layer.rows))
        self.value = np.full(form, -np.inf, np.float32)
        self.sample = np.full(form, np.iinfo(np.int64).max, np.int64)
        self.place = np.zeros(form, np.int64)

    def cut(self, samples: int) -> Best:
        """Leave out ranks beyond the samples that there were."""
        self.value, self.sample, self.place = (
            each[:, :samples] for each in (self.value, self.sample, self.place)
        )
        return self


def patches(field: xr.DataArray, layer: Layer, row: Index, column: Index) -> Index:
    """Return the edges (channel, rank, edge) of what each place sees; of a flat layer the whole picture.

    Where the field is that of the whole picture only, it is divided into as many cells as the map has.
    """
    edges = field.to_numpy().astype(np.int64)
    if layer.flat:
        return np.broadcast_to(edges[0, 0], (*row.shape, 4)).copy()
    if field.attrs["exact"]:
        return edges[row, column]
    (rows, columns), (_, _, height, width) = layer.form, edges[0, 0]
    return np.stack(
        [
            row * height // rows,
            column * width // columns,
            -(-(row + 1) * height // rows),
            -(-(column + 1) * width // columns),
        ],
        axis=-1,
    )
