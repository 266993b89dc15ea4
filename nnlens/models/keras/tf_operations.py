"""What operations of a graph of TensorFlow are to a backward rule, and rectifiers that are written with several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

KINDS = {
    "Relu": "ReLU",
    "Relu6": "ReLU6",
    "LeakyRelu": "LeakyReLU",
    "Elu": "ELU",
    "Selu": "SELU",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
    "Softmax": "Softmax",
    "LogSoftmax": "Softmax",
}
"""Kinds of `nnlens.rules.NONLINEAR` by the types of operations."""
WRITTEN = frozenset({"Maximum", "Minimum", "Select", "SelectV2", "Mul"})
"""Types by which a rectifier can be written."""
OTHERS = frozenset(
    {
        *(
            "Abs",
            "Acos",
            "Asin",
            "Asinh",
            "Atan",
            "Atan2",
            "ClipByValue",
            "Cos",
            "Cosh",
            "Digamma",
            "Erf",
            "Erfc",
        ),
        *(
            "Erfinv",
            "Exp",
            "Expm1",
            "Lgamma",
            "Log",
            "Log1p",
            "Pow",
            "Reciprocal",
            "Rsqrt",
            "Sign",
            "Sin",
            "Sinh",
        ),
        *("Sqrt", "Square", "SquaredDifference", "Tan"),
    }
)
"""Types that bend and are of no kind; a normalization has some of them."""
TYPES = frozenset({*KINDS, *WRITTEN, *OTHERS})
COMPARISONS = frozenset({"Greater", "GreaterEqual", "Less", "LessEqual"})
GATE, HALF = "Gate", "lower half of a rectifier with a top"

Reading = tuple[str, Mapping[str, float], Any]
"""(kind, settings, input); the input is None where no rule can reach it."""


def read(operation: Any) -> Reading | None:
    """Return what an operation is to a rule, None where it bends nothing."""
    name = operation.type
    if name in KINDS.keys() - {"Softmax", "LogSoftmax"}:
        return KINDS[name], _settings(operation), operation.inputs[0]
    if name in WRITTEN:
        return {"Maximum": _maximum, "Minimum": _minimum, "Mul": _product}.get(name, _choice)(operation)
    return KINDS.get(name, name), {}, None


def _settings(operation: Any) -> dict[str, float]:
    if operation.type == "Relu6":
        return {"top": 6.0}
    return {"slope": float(operation.get_attr("alpha"))} if operation.type == "LeakyRelu" else {}


def _constant(operation: Any) -> int | None:
    """Return which of two inputs is one constant number everywhere."""
    for place, each in enumerate(operation.inputs):
        if _value(each) is not None:
            return place
    return None


def _value(tensor: Any) -> float | None:
    if tensor.op.type == "ZerosLike":
        return 0.0
    value = tf.get_static_value(tensor)
    return (
        float(value.flat[0]) if value is not None and value.size and (value == value.flat[0]).all() else None
    )


def _maximum(operation: Any) -> Reading:
    place = _constant(operation)
    if place is None:
        return _larger(operation)
    inputs = operation.inputs[1 - place]
    if _value(operation.inputs[place]) != 0:
        return "Maximum", {}, None
    if inputs.op.type == "Minimum" and _minimum(inputs.op)[2] is not None:
        inner = _constant(inputs.op) or 0
        return "ReLU6", {"top": _value(inputs.op.inputs[inner]) or 0.0}, inputs.op.inputs[1 - inner]
    return "ReLU", {}, inputs


def _larger(operation: Any) -> Reading:
    """Read the larger of a tensor and a part of itself."""
    for place in (0, 1):
        inputs, other = operation.inputs[place], operation.inputs[1 - place]
        slope = _share(other, inputs)
        if slope is not None and 0 < slope < 1:
            return "LeakyReLU", {"slope": slope}, inputs
    return "Maximum", {}, None


def _share(tensor: Any, whole: Any) -> float | None:
    """Return the number by which a tensor is another multiplied, if it is that."""
    if tensor.op.type != "Mul" or not any(each is whole for each in tensor.op.inputs):
        return None
    return next((value for value in map(_value, tensor.op.inputs) if value is not None), None)


def _minimum(operation: Any) -> Reading:
    """Read the lower half of a rectifier with a top, whose upper half follows; any other minimum is out of reach."""
    place, readers = _constant(operation), operation.outputs[0].consumers()
    top = None if place is None else _value(operation.inputs[place])
    halves = bool(readers) and all(each.type == "Maximum" and _zero_above(each) for each in readers)
    if halves and top and place is not None:
        return HALF, {}, operation.inputs[1 - place]
    return "Minimum", {}, None


def _zero_above(operation: Any) -> bool:
    place = _constant(operation)
    return place is not None and _value(operation.inputs[place]) == 0


def _product(operation: Any) -> Reading | None:
    """Read a product with a mask."""
    for place in (0, 1):
        mask, inputs = operation.inputs[place], operation.inputs[1 - place]
        if mask.op.type == "Cast" and mask.op.inputs[0].dtype == tf.bool:
            return ("ReLU", {}, inputs) if _is_positive(mask.op.inputs[0], inputs) else (GATE, {}, None)
    return None


def _choice(operation: Any) -> Reading | None:
    """Read a choice between a tensor and nothing, or a part of itself."""
    condition, inputs, other = operation.inputs
    if not inputs.dtype.is_floating:
        return None
    if _is_positive(condition, inputs):
        slope = _share(other, inputs)
        if _value(other) == 0:
            return "ReLU", {}, inputs
        if slope is not None and 0 < slope < 1:
            return "LeakyReLU", {"slope": slope}, inputs
    return GATE, {}, None


def _is_positive(condition: Any, tensor: Any) -> bool:
    """Whether a condition is that a tensor is above zero."""
    if condition.op.type not in COMPARISONS:
        return False
    one, other = condition.op.inputs
    upwards = condition.op.type.startswith("Greater")
    return (one is tensor and _value(other) == 0) if upwards else (other is tensor and _value(one) == 0)
