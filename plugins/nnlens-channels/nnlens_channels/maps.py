"""The maps of all channels of a layer for chosen samples, as small grey pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens_channels.blocks import Block, Float, Layer
from nnlens_channels.score import scores, values_of
from nnlens_channels.text import caption, count, samples_used

MOST_BYTES = 256 << 20
"""What the thumbnails of all samples may take: a picture of more than this nobody looks through."""


class FeatureMaps(Analysis):
    """Show what every channel of a layer makes of a sample.

    Answers "what does this layer see here?"; misleads about strength, since each map is scaled to its own range: `low`
    and `high` tell it, and the value of a cell is low + feature_map / 255 × (high − low). A flat layer is one
    picture: its units row by row in a near-square, the cells beyond the last unit at `low`.
    """

    title = "Feature maps"
    scope = "sample"
    requires = {"activation": ("sample", "...")}
    provides = {
        "feature_map": ("sample", "channel", "y", "x"),
        "low": ("sample", "channel"),
        "high": ("sample", "channel"),
        "channel_score": ("sample", "channel"),
    }

    size = param.Integer(
        64,
        bounds=(8, 512),
        precedence=10,
        doc="Pixels on the longer side of a map at most; larger maps are averaged down. Units of a flat layer are not.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass over the maps."""
        return 0.01 + values_of(sizes) * 1.2e-8

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Draw the finite samples."""
        layer = Layer(data["activation"], context)
        factor = 1 if layer.flat else -(-max(layer.form) // self.size)
        check_room(layer, factor)
        parts = [(block.ids, *drawn(block, layer, factor)) for block in layer.blocks("drawing maps")]
        ids, *arrays = (np.concatenate(part) for part in zip(*parts, strict=True))
        held = {
            name: (dims, array) for (name, dims), array in zip(self.provides.items(), arrays, strict=True)
        }
        return xr.Dataset(
            held,
            coords={"sample": ids},
            attrs={
                "caption": caption(
                    _form_words(layer),
                    f"averaged down {factor}×" if factor > 1 else "",
                    "each map from its minimum to its maximum",
                    samples_used(layer.used, layer.left_out),
                ),
                "factor": factor,
                "units": layer.channels if layer.flat else 0,
                "left_out": layer.left_out,
            },
        )


def drawn(block: Block, layer: Layer, factor: int) -> tuple[NDArray[np.uint8], Float, Float, Float]:
    """Return thumbnails, the range that each shows, and the score of the whole map."""
    if layer.flat:
        vectors = as_one_map(block)
        rows, columns = near_square(layer.channels)
        filled = np.repeat(vectors.low[:, :, None], rows * columns, axis=2)
        filled[:, :, : layer.channels] = vectors.maps
        shown, score = filled.reshape(-1, 1, rows, columns), scores(vectors)
    else:
        shown, score = averaged(block.maps.reshape(*block.maps.shape[:2], *layer.form), factor), scores(block)
    return *grey(shown), score


def as_one_map(block: Block) -> Block:
    """Return a flat layer's units as the places of one map."""
    vectors = np.ascontiguousarray(block.maps.transpose(0, 2, 1))
    return Block(
        block.ids,
        vectors,
        block.low.min(axis=1, keepdims=True),
        block.high.max(axis=1, keepdims=True),
        block.total.sum(axis=1, keepdims=True),
        block.size.sum(axis=1, keepdims=True),
    )


def grey(maps: Float) -> tuple[NDArray[np.uint8], Float, Float]:
    """Scale each map (sample, channel, y, x) to 0 … 255; return its lowest and highest value too."""
    low, high = maps.min(axis=(2, 3)), maps.max(axis=(2, 3))
    span = high.astype(np.float64) - low
    scale = np.divide(255, span, out=np.zeros_like(span), where=span > 0)[..., None, None]
    return np.rint((maps - low.astype(np.float64)[..., None, None]) * scale).astype(np.uint8), low, high


def averaged(maps: Float, factor: int) -> Float:
    """Average maps (sample, channel, y, x) over squares; those at the lower and right edge over what they have."""
    for axis in (2, 3) if factor > 1 else ():
        starts = np.arange(0, maps.shape[axis], factor)
        sums = np.add.reduceat(maps, starts, axis=axis, dtype=np.float64)
        lengths = np.diff([*starts, maps.shape[axis]])
        maps = sums / lengths.reshape([-1 if each == axis else 1 for each in range(4)])
    return maps.astype(np.float32, copy=False)


def near_square(units: int) -> tuple[int, int]:
    """Return rows and columns of the most square arrangement that holds so many units."""
    columns = math.isqrt(units - 1) + 1
    return -(-units // columns), columns


def check_room(layer: Layer, factor: int) -> None:
    """Refuse more maps than anybody looks through.

    Raises
    ------
    AnalysisError
        Saying how many samples fit.
    """
    sides = near_square(layer.channels) if layer.flat else [-(-side // factor) for side in layer.form]
    one = math.prod(sides) * (1 if layer.flat else layer.channels)
    if layer.rows * one > MOST_BYTES:
        fit = max(1, MOST_BYTES // one)
        raise AnalysisError(
            f"The maps of {layer.rows:,} samples would take {layer.rows * one / 1e9:.1f} GB.",
            f"Choose up to {count(fit, 'sample')}, or a smaller size.",
        )


def _form_words(layer: Layer) -> str:
    rows, columns = near_square(layer.channels) if layer.flat else layer.form
    if layer.flat:
        return f"{count(layer.channels, 'unit')} row by row as {rows}×{columns}"
    return f"{count(layer.channels, 'channel')} of {rows}×{columns}"
