"""What of following a backward rule is TensorFlow's: all of it happens while a graph is traced.

A step's output goes through an ``IdentityN`` whose gradient is looked up in the graph. `tf.custom_gradient` would
register each one for the life of the process, with the network that it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial, wraps
from typing import Any

import keras
import tensorflow as tf

from nnlens.models.keras.kinds import FUNCTIONS, settings_of
from nnlens.models.keras.steps import Late, Nonlinear
from nnlens.models.keras.tf_overlooked import closed, left_alone, overlooked, overlooking

NAME = "NNLensRuled"
SLOPE = 0.2
"""Of a leaky ReLU where none is given, of Keras and TensorFlow alike."""
PLACES = (keras.src.backend.nn, tf.nn, tf.math, tf)
"""Modules in which nonlinearities are looked up when they are called."""

_tracing = threading.RLock()
_thread = threading.local()


@tf.RegisterGradient(NAME)
def _back(operation: Any, gradient: Any, *_rest: Any) -> list[Any]:
    return _backs(operation.graph)[operation.name](gradient)


def _backs(graph: Any) -> dict[str, Callable[[Any], list[Any]]]:
    """Return what is kept in a graph itself, so that it goes when the graph goes."""
    found = graph.get_collection_ref(NAME)
    if not found:
        found.append({})
    return found[0]


class _TensorFlowEngine:
    """See `nnlens.models.keras.steps.Engine`."""

    def leaves(self, tensors: Sequence[Any]) -> list[Any]:
        return [tf.identity(tensor) for tensor in tensors]

    def gradient(self, output: Any, inputs: Sequence[Any], gradient: Any) -> list[Any]:
        return tf.gradients([output], list(inputs), [gradient])

    def replace(
        self, output: Any, tap: Any, inputs: Sequence[Any], back: Callable[[Any], Sequence[Any]]
    ) -> Any:
        tapped = tf.zeros(()) if tap is None else tap
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map({"IdentityN": NAME}):
            replaced = tf.raw_ops.IdentityN(input=[output, tapped, *inputs])[0]
        _backs(graph)[replaced.op.name] = lambda gradient: [None, *back(gradient)]
        return replaced

    @contextmanager
    def meeting(self, nonlinear: Nonlinear, late: Late) -> Iterator[None]:
        """Put functions in place of TensorFlow's own for a moment; in other threads they do what those do."""
        with _tracing, ExitStack() as stack:
            stack.enter_context(overlooking(tf.compat.v1.get_default_graph(), late))
            for module in PLACES:
                for name in FUNCTIONS.keys() & vars(module).keys():
                    stack.callback(setattr, module, name, getattr(module, name))
                    setattr(module, name, _met(name, getattr(module, name)))
            _thread.nonlinear = nonlinear
            stack.callback(delattr, _thread, "nonlinear")
            yield

    def apart(self) -> AbstractContextManager[None]:
        return left_alone(tf.compat.v1.get_default_graph())

    def place(self) -> int:
        return int(tf.compat.v1.get_default_graph().version)

    def hidden(self, end: Any) -> Iterator[tuple[int, str]]:
        known = overlooked(end.graph)
        known.look(end.graph)
        for operation, kind in closed(end, NAME):
            yield known.places[operation.name], kind


ENGINE = _TensorFlowEngine()


def _met(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    kind = FUNCTIONS[name]

    @wraps(function)
    def met(*args: Any, **kwargs: Any) -> Any:
        nonlinear = getattr(_thread, "nonlinear", None)
        if nonlinear is None:
            return function(*args, **kwargs)
        if not args:  # the input comes first, also by its name
            first = next(iter(kwargs))
            args = (kwargs.pop(first),)
        inputs, *others = args
        run = partial(_after, function, tuple(others), kwargs)
        return nonlinear(
            kind, settings_of(kind, tuple(others), kwargs, SLOPE), run, tf.convert_to_tensor(inputs)
        )

    return met


def _after(function: Callable[..., Any], others: tuple[Any, ...], kwargs: Any, inputs: Any) -> Any:
    return function(inputs, *others, **kwargs)
