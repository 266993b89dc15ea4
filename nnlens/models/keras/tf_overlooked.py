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
from nnlens.models.keras.tf_operations import HALF, TYPES, Reading, read

NAME = "NNLensOverlooked"
CLOSED = frozenset(
    {"PartitionedCall", "StatefulPartitionedCall", "StatelessIf", "If", "StatelessWhile", "While"}
)
"""Types with a graph of their own, into which nothing here looks."""
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


def _at(operation: Any, tensor: Any, gradient: Any) -> list[Any]:
    """Return a gradient for that input of an operation which is this tensor, None for the others."""
    return [gradient if each is tensor else None for each in operation.inputs]
