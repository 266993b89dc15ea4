"""What stands in for pixels that are taken away, and the outputs of a network for many changed copies of one input."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nnlens.models.base import Float, Model

FILLS = ("mean", "black", "blurred")
WORDS = {"mean": "the mean of the preprocessing", "black": "black", "blurred": "the blurred image"}
"""What captions say of a filling."""
FILL_DOC = (
    "What stands in for pixels: the mean of the preprocessing (zero in the network's own units), black, or the image "
    "blurred by a Gaussian of 1/20 of its shorter side."
)
BLUR = 0.05
"""Standard deviation of the blur, as a share of the shorter side; RISE has 5 of 224 pixels cut at a kernel of 11."""

Score = Callable[[Float], Float]
"""Inputs (sample, channel, y, x) → the target's number for each (sample,)."""


def filling(kind: str, inputs: Float, model: Model) -> Float:
    """Return what stands in for the pixels of inputs, dims (sample, channel, y, x) or the same for all samples.

    Parameters
    ----------
    kind : {"mean", "black", "blurred"}
    inputs : ndarray, dims (sample, channel, y, x)
    model : Model
        Which tells what black is in its own units.
    """
    if kind == "blurred":
        return blur(inputs)
    if kind == "mean":
        return np.zeros_like(inputs[:1])
    _, channels, height, width = inputs.shape
    return model.prepare(np.zeros((1, height, width, channels), np.uint8))


def blur(inputs: Float) -> Float:
    """Blur inputs (sample, channel, y, x); beyond the border there is nothing, so weights there add up to one too."""
    height, width = inputs.shape[2:]
    spread = BLUR * min(height, width)
    return np.ascontiguousarray(gaussian(height, spread) @ inputs @ gaussian(width, spread).T)


@lru_cache(maxsize=16)
def gaussian(pixels: int, spread: float) -> Float:
    """Return the weights (pixel, pixel) of a Gaussian blur whose rows add up to one."""
    apart = np.arange(pixels)[:, None] - np.arange(pixels)
    weights = np.exp(-0.5 * (apart / spread) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def placed(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each pixel in an order of pixels by number."""
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    return place
