"""Nonlinearities in a graph of TensorFlow that no function was met for: what counts is the operation, whoever made it.

Functions can be imported by their names before anything is put in their places, and a rectifier can be written as a
maximum, a choice or a mask. All of them become operations of the graph, whose gradient can be exchanged by their types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from nnlens.models.keras.steps import Late

NAME = "NNLensOverlooked"
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
CLOSED = frozenset(
    {"PartitionedCall", "StatefulPartitionedCall", "StatelessIf", "If", "StatelessWhile", "While"}
)
"""Types with a graph of their own, into which nothing here looks."""
COMPARISONS = frozenset({"Greater", "GreaterEqual", "Less", "LessEqual"})
GATE, HALF = "Gate", "lower half of a rectifier with a top"

Reading = tuple[str, Mapping[str, float], Any]
"""(kind, settings, input); the input is None where no rule can reach it."""
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ReLU": tf.nn.relu,
    "ReLU6": lambda tensor, top: tf.clip_by_value(tensor, 0.0, top),
    "LeakyReLU": lambda tensor, slope: tf.nn.leaky_relu(tensor, slope),
    "ELU": tf.nn.elu,
    "SELU": tf.nn.selu,
    "Softplus": tf.nn.softplus,
    "Softsign": tf.nn.softsign,
    "Sigmoid": tf.nn.sigmoid,
    "Tanh": tf.nn.tanh,
}


@dataclass
class Overlooked:
    """What is known of a graph before the way back through it begins, and adds operations of its own.

    Attributes
    ----------
    late : Late
    places : dict of str to int
        How many operations were made before each.
    readings : dict of str to Reading
        Of the operations that bend.
    followed : dict of str to tensor
        Inputs of minimums that are part of what a rule went through.
    """

    late: Late
    places: dict[str, int] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    followed: dict[str, Any] = field(default_factory=dict)

    def look(self, graph: Any) -> None:
        """Read all operations of a graph."""
        for place, operation in enumerate(graph.get_operations()):
            self.places[operation.name] = place
            found = read(operation) if operation.type in TYPES else None
            if found is not None:
                self.readings[operation.name] = found

    def back(self, operation: Any, gradient: Any) -> list[Any] | None:
        """Return the gradients at the inputs by the rule; None for the plain ones."""
        if operation.name in self.followed:
            return _at(operation, self.followed[operation.name], gradient)
        kind, settings, inputs = self.readings.get(operation.name, (HALF, {}, None))
        if kind == HALF:
            return None
        place = self.places[operation.name]
        own = self.late(place, kind, settings, lambda tensor: run(kind, tensor, settings), inputs, gradient)
        if own is None:
            return None
        passing = next((each for each in operation.inputs if each is inputs), None)
        if passing is None:  # what it reads comes through a minimum
            passing = next(each for each in operation.inputs if each.op.type == "Minimum")
            self.followed[passing.op.name] = inputs
        return _at(operation, passing, own)


@tf.RegisterGradient(NAME)
def _back(operation: Any, gradient: Any) -> Any:
    """Go back by the rule, or as the operation does by itself."""
    found = overlooked(operation.graph).back(operation, gradient)
    return gradient_registry.lookup(operation.type)(operation, gradient) if found is None else found


def read(operation: Any) -> Reading | None:
    """Return what an operation is to a rule, None where it bends nothing."""
    name = operation.type
    if name in KINDS.keys() - {"Softmax", "LogSoftmax"}:
        return KINDS[name], _settings(operation), operation.inputs[0]
    if name in WRITTEN:
        return {"Maximum": _maximum, "Minimum": _minimum, "Mul": _product}.get(name, _choice)(operation)
    return KINDS.get(name, name), {}, None


def overlooking(graph: Any, late: Late) -> AbstractContextManager[None]:
    """Let operations that are made from now on ask `late` on the way back."""
    graph.get_collection_ref(NAME)[:] = [Overlooked(late)]
    return graph.gradient_override_map(dict.fromkeys(TYPES, NAME))


def left_alone(graph: Any) -> AbstractContextManager[None]:
    """Let operations that are made from now on go back by themselves."""
    return graph.gradient_override_map({name: name for name in TYPES})


def overlooked(graph: Any) -> Overlooked:
    """Return what is known of a graph."""
    return graph.get_collection_ref(NAME)[0]


def closed(target: Any, known: str) -> Iterator[tuple[Any, str]]:
    """Yield the operations before a tensor into which nothing looks, and what to call them.

    `known` is the gradient that a rule itself gave to operations.
    """
    waiting, seen = [target.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        waiting += [each.op for each in operation.inputs]
        if operation.type in CLOSED:
            yield operation, "tf.function" if "Call" in operation.type else operation.type
        elif operation.type == "IdentityN" and _own_gradient(operation) not in ("", known):
            yield operation, "tf.custom_gradient"


def _own_gradient(operation: Any) -> str:
    try:
        return str(operation.get_attr("_gradient_op_type").decode())
    except ValueError:
        return ""


def run(kind: str, tensor: Any, settings: Mapping[str, float]) -> Any:
    """Return what a nonlinearity of this kind makes of a tensor."""
    return FUNCTIONS[kind](tensor, **settings)


def _settings(operation: Any) -> dict[str, float]:
    if operation.type == "Relu6":
        return {"top": 6.0}
    return {"slope": float(operation.get_attr("alpha"))} if operation.type == "LeakyRelu" else {}


def _at(operation: Any, tensor: Any, gradient: Any) -> list[Any]:
    """Return a gradient for that input of an operation which is this tensor, None for the others."""
    return [gradient if each is tensor else None for each in operation.inputs]


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
