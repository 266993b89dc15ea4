"""A first look at what a network gives, before anything is made on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nnlens.errors import CaptureError
from nnlens.models.base import Float, Model
from nnlens.samples.base import Samples
from nnlens.schema import LOGITS
from nnlens.store.encoding import as_on_disk, compressed_part
from nnlens.store.layout import StoredLayer

PROBE = 8
"""Samples."""
WORTH_COMPRESSING = 0.6
CHANNELS_LAST = (0, 2, 3, 1)


@dataclass(frozen=True)
class Form:
    """How to store the outputs of a layer.

    Attributes
    ----------
    channels_last : bool
        Whether they lie so in memory.
    compressed : bool
        Whether that halves them, or nearly; else it costs more time than it is worth.
    """

    channels_last: bool
    compressed: bool


def find_forms(model: Model, samples: Samples, stored: Sequence[StoredLayer]) -> dict[str, Form]:
    """Run the first samples; return how to store the layers that are kept in full.

    Raises
    ------
    CaptureError
        If a layer gives something of another shape than the model said.
    """
    full, means = wanted_outputs(stored)
    inputs = model.prepare(samples.images(slice(0, PROBE)))
    outputs = model.activations(inputs, full, means, exact=False)
    for layer in stored:
        expected = layer.info.shape if layer.kept else layer.info.shape[:1]
        if outputs[layer.name].shape[1:] != expected:
            raise CaptureError(
                f"The layer {layer.name!r} gives {dimensions(outputs[layer.name].shape[1:])}, "
                f"and the model said {dimensions(expected)}.",
                "Leave the layer out.",
            )
    return {layer.name: form_of(outputs[layer.name]) for layer in stored if layer.kept}


def form_of(output: Float) -> Form:
    """Tell how to store outputs, dims (sample, ...), from those of a few samples."""
    channels_last = output.ndim == 4 and output.strides[1] < output.strides[3]
    laid = as_on_disk(output, CHANNELS_LAST if channels_last else None)
    return Form(channels_last, compressed_part(laid) <= WORTH_COMPRESSING)


def wanted_outputs(stored: Sequence[StoredLayer]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what to ask a model for: outputs in full, with the logits, and outputs of which the mean is enough."""
    full = (*(layer.name for layer in stored if layer.kept), LOGITS)
    return full, tuple(layer.name for layer in stored if not layer.kept)


def dimensions(shape: Sequence[int]) -> str:
    """Write a shape for people: ``"4×8×8"``."""
    return "×".join(map(str, shape))
