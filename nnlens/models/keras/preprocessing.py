"""What a Keras network tells of how images become its inputs: by its input's shape, its layers, its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nnlens.errors import ModelError
from nnlens.models.keras.graph import functional
from nnlens.models.preprocess import Order, Preprocess

SCALING = frozenset({"Rescaling", "Normalization"})
SCALED_NOTE = "The network scales its values itself, so it gets them from 0 to 255."
ASSUMED_NOTE = "Nothing tells how images become inputs: values are scaled to 0–1."
GUESSED_NOTE = (
    "Values are guessed from the name {name!r}, as keras.applications prepares them: {words}. "
    "'nnlens doctor' tells whether that is right."
)
CAFFE: dict[str, Any] = {"scale": 1, "mean": (103.939, 116.779, 123.68), "order": "BGR"}
SIGNED: dict[str, Any] = {"scale": 1 / 127.5, "mean": 1}
TORCH: dict[str, Any] = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
FAMILIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (r"vgg(16|19)|resnet(50|101|152)", "BGR minus the means of ImageNet", CAFFE),
    (
        r"mobilenet(v2)?(_[\d.]+_\w+)?|inception_v3|inception_resnet_v2|xception|resnet(50|101|152)v2|nasnet(_\w+)?",
        "from −1 to 1",
        SIGNED,
    ),
    (r"densenet(121|169|201)", "0–1, minus the means of ImageNet, by its deviations", TORCH),
)
"""Names of keras.applications, what their ``preprocess_input`` does in words, and as settings. Families that scale
their values in a layer are told by it."""


def default_preprocess(model: Any, name: str) -> tuple[Preprocess, tuple[str, ...]]:
    """Tell from a network how images become inputs, with notes on what was assumed.

    Raises
    ------
    ModelError
        If the input's shape does not say the size.
    """
    graph = functional(model)
    shape = tuple(graph.inputs[0].shape[1:]) if graph is not None else ()
    shape = (*shape, 1) if len(shape) == 2 else shape
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        shape = (*shape[1:], shape[0])
    if graph is not None and len(graph.inputs) == 1 and len(shape) != 3:
        raise ModelError(
            f"{name} takes inputs of {_dims(graph.inputs[0].shape)}, which are no images.",
            "Networks for words, sequences or vectors cannot be opened; embeddings made with one can be explored.",
        )
    if len(shape) != 3 or None in shape or shape[2] not in (1, 3):
        raise ModelError(
            f"The input of {name} does not tell the size of images.",
            "Give preprocess=Preprocess(size, …) (--size on the command line).",
        )
    order: Order = "grey" if shape[2] == 1 else "RGB"
    operations = [operation for network in _networks(model) for operation in functional(network).operations]
    if any(type(operation).__name__ in SCALING for operation in operations):
        return Preprocess(shape[:2], scale=1, order=order), (SCALED_NOTE,)
    if order == "RGB":
        for known, words, settings in _families(model):
            note = GUESSED_NOTE.format(name=known, words=words)
            return Preprocess(shape[:2], **settings), (note,)
    return Preprocess(shape[:2], order=order), (ASSUMED_NOTE,)


def _dims(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(['sample', *('any' if size is None else str(size) for size in shape[1:])])})"


def _networks(model: Any) -> Iterator[Any]:
    """Yield a network and those inside of it."""
    yield model
    for operation in functional(model).operations:
        if functional(operation) is not None:
            yield from _networks(operation)


def _families(model: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what is known by the name of the network, then of one that it was built on."""
    for network in _networks(model):
        for pattern, words, settings in FAMILIES:
            if re.fullmatch(pattern, network.name):
                yield network.name, words, settings
