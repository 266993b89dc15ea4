"""Occlusion: how much of the target's logit is lost when a patch is hidden."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens.models.base import Float, Model
from nnlens_attribution.batches import batch_size, pieces
from nnlens_attribution.explaining import PROVIDES
from nnlens_attribution.masking import FILL_DOC, FILLS, WORDS, Score, filling
from nnlens_attribution.probing import Tick, Work, explain_singly
from nnlens_attribution.targets import network

Spot = tuple[slice, slice]


class Occlusion(Analysis):
    """Hide patches of the image and show how much of the target's logit each takes away.

    Answers "which places does the network need?", also of a network without gradients; misleads where several places
    say the same, for one of them is enough, and where the filling looks like something itself. Negative values are
    places that speak against the target. A pixel has the mean of the patches that cover it; of a unit as target it is
    the activation that is lost.

    References
    ----------
    .. [1] Zeiler, Fergus, Visualizing and understanding convolutional networks, 2013, arXiv 1311.2901.
    """

    title = "Occlusion"
    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True

    patch = param.Number(
        0.15,
        bounds=(0, 1),
        doc="Side of the square patch, as a share of the shorter side of the network's input.",
    )
    stride = param.Number(
        0.5, bounds=(0, 1), precedence=10, doc="From one patch to the next, as a share of the patch's side."
    )
    fill = param.Selector(default="mean", objects=list(FILLS), precedence=10, doc=FILL_DOC)

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        patches = (1 + 1 / max(self.patch * self.stride, 0.005)) ** 2
        return 0.01 + sizes.get("sample", 1) * patches * 0.001

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward pass a patch; a stop keeps the samples that are done."""
        used = network(context).preprocess
        side = max(1, round(self.patch * min(used.height, used.width)))
        step = max(1, round(self.stride * side))
        hidden = spots(used.height, used.width, side, step)

        def probe(model: Model, image: Float, score: Score, tick: Tick) -> Float:
            fill = np.broadcast_to(filling(self.fill, image[None], model)[0], image.shape)
            return occlude(image, fill, hidden, score, batch_size(model, held=1), tick)

        words = (
            f"{len(hidden):,} patches of {side}×{side} pixels, every {step}, filled with {WORDS[self.fill]}"
        )
        return explain_singly(data, context, Work(probe, "logit", len(hidden), words))


def spots(height: int, width: int, side: int, stride: int) -> list[Spot]:
    """Return the rows and columns of all patches, row by row; those at the end are cut off by the border."""
    rows, columns = _along(height, side, stride), _along(width, side, stride)
    return [(row, column) for row in rows for column in columns]


def _along(pixels: int, side: int, stride: int) -> list[slice]:
    steps = 1 + math.ceil(max(pixels - side, 0) / stride)
    return [slice(step * stride, min(step * stride + side, pixels)) for step in range(steps)]


def occlude(
    image: Float, fill: Float, hidden: list[Spot], score: Score, batch: int, tick: Callable[[int], object]
) -> Float:
    """Return the mean over the patches that cover a pixel (y, x) of what each takes from the score.

    Parameters
    ----------
    image, fill : ndarray, dims (channel, y, x)
        In the network's own units.
    hidden : list of pairs of slices
        The patches, which cover every pixel.
    score : callable
        Inputs → the target's number (sample,).
    batch : int
        Patches in one pass.
    tick : callable
        Told how many patches are done.
    """
    whole = score(image[None])[0]
    total, covered = np.zeros((2, *image.shape[1:]), np.float64)
    for part in pieces(len(hidden), batch):
        drops = whole - score(_copies(image, fill, hidden[part]))
        for spot, drop in zip(hidden[part], drops, strict=True):
            total[spot] += drop
            covered[spot] += 1
        tick(part.stop)
    return (total / covered).astype(np.float32)


def _copies(image: Float, fill: Float, hidden: list[Spot]) -> Float:
    copies = np.repeat(image[None], len(hidden), axis=0)
    for copy, (rows, columns) in zip(copies, hidden, strict=True):
        copy[:, rows, columns] = fill[:, rows, columns]
    return copies
