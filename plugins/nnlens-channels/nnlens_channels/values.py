"""The values of one channel as they are, for whoever looks at a map closely."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens_channels.blocks import Block, Float, Layer
from nnlens_channels.maps import MOST_BYTES, near_square
from nnlens_channels.score import values_of
from nnlens_channels.text import caption, count, samples_used


class ChannelValues(Analysis):
    """Give the values of a channel in a sample, neither averaged nor rounded.

    Answers "what exactly does this channel say here?"; misleads about what it is worth, since a layer's channels need
    not have one scale. Without a channel it gives all of them. The units of a flat layer are one map, row by row in a
    near-square, NaN in the cells beyond the last one; with a channel only that unit.
    """

    title = "Channel values"
    scope = "sample"
    takes_channel = True
    requires = {"activation": ("sample", "...")}
    provides = {"channel_value": ("sample", "channel", "y", "x")}

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: reading the maps."""
        return 0.01 + values_of(sizes) * 2e-9

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Read the finite samples."""
        chosen = context.request.channel
        layer = Layer(data["activation"], context, chosen)
        _check_room(layer)
        square = near_square(layer.channels) if layer.flat and chosen is None else None
        parts = [(block.ids, _formed(block, layer, square)) for block in layer.blocks("reading values")]
        ids, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        rows, columns = values.shape[2:]
        return xr.Dataset(
            {"channel_value": (self.provides["channel_value"], values)},
            coords={"sample": ids},
            attrs={
                "caption": caption(
                    f"{rows}×{columns} values" + ("" if square is None else ", row by row"),
                    count(layer.channels, "unit" if layer.flat else "channel"),
                    samples_used(layer.used, layer.left_out),
                ),
                "units": layer.channels if layer.flat else 0,
                "left_out": layer.left_out,
            },
        )


def _formed(block: Block, layer: Layer, square: tuple[int, int] | None) -> Float:
    """Return maps (sample, channel, y, x); a flat layer's units in a square where there is one."""
    if square is None:
        return block.maps.reshape(*block.maps.shape[:2], *layer.form)
    rows, columns = square
    filled = np.full((len(block.ids), 1, rows * columns), np.nan, np.float32)
    filled[:, 0, : layer.channels] = block.maps[:, :, 0]
    return filled.reshape(-1, 1, rows, columns)


def _check_room(layer: Layer) -> None:
    """Refuse more values than anybody looks at.

    Raises
    ------
    AnalysisError
        Saying how many samples fit.
    """
    one = 4 * layer.channels * layer.places
    if layer.rows * one > MOST_BYTES:
        fit = max(1, MOST_BYTES // one)
        raise AnalysisError(
            f"The values of {layer.rows:,} samples would take {layer.rows * one / 1e9:.1f} GB.",
            f"Choose up to {count(fit, 'sample')}, or one channel.",
        )
