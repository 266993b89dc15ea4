"""How many samples go through a network at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.models.base import Model

MEMORY = 512 * 2**20
"""Bytes that one pass may hold."""
LARGEST = 32
"""Larger batches leave the processor's cache."""
BACKWARD = 3
"""A backward pass holds the outputs of all layers, their gradients, and what functions keep beside them."""


def batch_size(model: Model, held: float = BACKWARD) -> int:
    """Return how many samples fit: the outputs of all layers, `held` times, within the memory.

    Parameters
    ----------
    model : Model
    held : float
        1 for forward passes.
    """
    return int(np.clip(MEMORY // max(sample_bytes(model) * held, 1), 1, LARGEST))


def sample_bytes(model: Model) -> int:
    """Return the bytes of the outputs of all layers for one sample."""
    return sum(math.prod(layer.shape) for layer in model.layers) * 4


def pieces(count: int, batch: int) -> list[slice]:
    """Cut `count` things into slices of at most `batch`."""
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


def image_batches(
    data: xr.Dataset, context: Context, batch: int
) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Yield the rows and images of each batch, telling how far it is.

    Raises
    ------
    AnalysisError
        If there is no sample.
    JobCancelledError
        If nobody wants the result any more.
    """
    samples, image = data.sizes["sample"], data["image"]
    if samples == 0:
        raise AnalysisError("There is no sample to explain.", "Choose one.")
    for rows in pieces(samples, batch):
        if context.cancelled:
            raise JobCancelledError("Cancelled while explaining samples.")
        if samples > batch:
            context.progress(rows.start, samples, "explaining samples")
        yield rows, (image if samples <= batch else image[rows]).to_numpy()
