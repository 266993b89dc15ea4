"""What both adapters check before they run a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from nnlens.errors import ModelError
from nnlens.models.base import Float, LayerInfo, Seed
from nnlens.models.preprocess import Preprocess
from nnlens.schema import INPUT, LOGITS

NO_LOGITS = "The network's logits cannot be had: logarithms of its probabilities stand in for them."


def checked_inputs(inputs: Float, preprocess: Preprocess) -> Float:
    """Return inputs as contiguous float32.

    Raises
    ------
    ModelError
        If they do not have the shape that the network was opened for.
    """
    shape = (preprocess.channels, preprocess.height, preprocess.width)
    if inputs.ndim != 4 or inputs.shape[1:] != shape:
        raise ModelError(
            f"Inputs have the shape {inputs.shape}, not (sample, {', '.join(map(str, shape))}).",
            "Make them from images with model.prepare.",
        )
    return np.ascontiguousarray(inputs, np.float32)


def checked_seed(seed: Seed, logits: Float, activations: Mapping[str, Float], shape: Sequence[int]) -> Float:
    """Return the gradient that a backward pass starts from.

    Raises
    ------
    ModelError
        If it does not have the shape of what it is a gradient of.
    """
    gradient = np.asarray(seed(logits, activations) if callable(seed) else seed, np.float32)
    if gradient.shape != tuple(shape):
        raise ModelError(
            f"The seed has the shape {gradient.shape} where the backward pass starts from {tuple(shape)}.",
            "Give one number for each.",
        )
    return np.ascontiguousarray(gradient)


def positions_of(layers: Sequence[LayerInfo]) -> dict[str, int]:
    """Return the position of each layer by its names."""
    return {name: position for position, layer in enumerate(layers) for name in (layer.name, *layer.aliases)}


def find_layers(
    names: Iterable[str], layers: Sequence[LayerInfo], positions: Mapping[str, int]
) -> dict[str, int]:
    """Return the positions of layers that are asked for; the input and the logits have none.

    Raises
    ------
    ModelError
        If there is no such layer, or its output cannot be captured.
    """
    found = {}
    for name in names:
        if name in (INPUT, LOGITS):
            continue
        if name not in positions:
            raise unknown_layer(name, positions)
        if not layers[positions[name]].capturable:
            raise ModelError(
                f"The output of layer {name!r} has the shape {layers[positions[name]].shape}.",
                "Only (channel, y, x) and (unit,) of each sample can be captured.",
            )
        found[name] = positions[name]
    return found


def unknown_layer(name: str, known: Iterable[str]) -> ModelError:
    """Say that there is no such layer, and which were perhaps meant."""
    names = list(known)
    close = (
        get_close_matches(name, names, 3) or [other for other in names if other.startswith(f"{name}#")][:3]
    )
    return ModelError(
        f"The network has no layer {name!r}.",
        f"Did you mean {', '.join(close)}?"
        if close
        else f"It has {', '.join(names[:8])}{' …' * (len(names) > 8)}",
    )


def no_gradient(start: str, name: str) -> ModelError:
    """Say that no gradient arrives at a layer."""
    return ModelError(
        f"No gradient comes from {start!r} back to {name!r}.",
        "Nothing on the way depends on it, or the network stops gradients there.",
    )
