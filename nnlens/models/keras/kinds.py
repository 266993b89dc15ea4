"""What layers and functions of Keras are to a backward rule: the kinds of `nnlens.rules.KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

CONVOLUTION, DENSE, NORMALIZATION = "Convolution", "Dense", "Normalization"
LINEAR = frozenset({CONVOLUTION, DENSE})
"""Kinds whose layers may have an activation function fused into them."""
KINDS_IN_PAIRS = {"Add": keras.ops.add, "Multiply": keras.ops.multiply}

CLASSES = {
    **dict.fromkeys(
        (
            *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
            *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        ),
        CONVOLUTION,
    ),
    **{
        f"{globe}{pooling}Pooling{size}D": f"{pooling}Pooling"
        for globe in ("", "Global")
        for pooling in ("Average", "Max")
        for size in (1, 2, 3)
    },
    "Mean": "AveragePooling",
    "Dense": DENSE,
    "BatchNormalization": NORMALIZATION,
    "Add": "Add",
    "Multiply": "Multiply",
    "PReLU": "PReLU",
}
"""Kinds of layers and operations, by the name of Keras' class."""
FUNCTIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "swish": "SiLU",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "hard_sigmoid": "Hardsigmoid",
    "hardsigmoid": "Hardsigmoid",
    "hard_silu": "Hardswish",
    "hardswish": "Hardswish",
    "hard_tanh": "Hardtanh",
    "hardtanh": "Hardtanh",
    "log_sigmoid": "LogSigmoid",
    "logsigmoid": "LogSigmoid",
    "softmax": "Softmax",
    "log_softmax": "Softmax",
    "glu": "GLU",
}
"""Kinds of nonlinearities, by the names that Keras, TensorFlow and torch have for them."""
SLOPES = ("negative_slope", "alpha")


def kind_of(operation: Any) -> str:
    """Return the kind of a layer or operation, or nothing where none is known.

    A class made from one of Keras' is of its kind, unless it computes something of its own.
    """
    own: Any = type(operation)
    for known in own.__mro__:
        if known.__module__.startswith("keras.") and known.__name__ in CLASSES:
            return CLASSES[known.__name__] if own.call is known.call else ""
    return ""


def activated(operation: Any) -> bool:
    """Whether an activation function is part of a layer that is linear otherwise."""
    return kind_of(operation) in LINEAR and operation.activation is not keras.activations.linear


def rectifier(operation: Any) -> tuple[str, dict[str, float]] | None:
    """Return kind and settings of a ReLU layer that is more than a ReLU: Keras makes it of several functions."""
    if type(operation) is not keras.layers.ReLU:
        return None
    top = operation.max_value
    if not operation.threshold and not operation.negative_slope:
        return None if top is None else ("ReLU6", {"top": float(top)})
    plain = top is None and not operation.threshold
    return None if plain else ("Hardtanh", {})


def settings_of(
    kind: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], slope: float
) -> dict[str, float]:
    """Return the settings of a nonlinearity from what else its function is given."""
    if kind == "ReLU6":
        return {"top": 6.0}
    if kind != "LeakyReLU":
        return {}
    named = next((kwargs[name] for name in SLOPES if name in kwargs), slope)
    return {"slope": float(args[0] if args else named)}
