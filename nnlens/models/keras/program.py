"""Running a Keras network step by step, so that every step's output can be had and gradients can start anywhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common.global_state import get_global_attribute
from numpy.typing import NDArray

from nnlens.models.keras.graph import IMAGE, Step, logits_step, unroll
from nnlens.models.keras.linear import without_activation
from nnlens.models.probability import SMALLEST, explains, meaning

LOGITS_SLOT = -1
"""Stands for the logits among slots."""

Values = dict[int, Any]
Call = Callable[[Step, Any, Any], Any]
"""(step, positional arguments, named arguments) → what its operation returns."""


class Program:
    """The steps of a network, ready to run.

    Parameters
    ----------
    model : keras.Model
        A graph with one input.

    Attributes
    ----------
    steps : list of Step
    output : int
        Slot of the network's output.
    exact : bool
        False where the logits cannot be had and the logarithm of probabilities stands in for them.
    """

    def __init__(self, model: Any) -> None:
        self.steps, self.output = unroll(model)
        self.exact = True
        self._softmax = logits_step(self.steps, self.output)
        self._logarithm = False
        self._trainable = [_takes_training(step) for step in self.steps]

    def settle(self, image: Any) -> dict[int, NDArray[Any]]:
        """Run once and find out what the output is.

        Returns
        -------
        dict of int to ndarray
            Values by slot.
        """
        values = self.run(keras.ops.convert_to_tensor(image))
        arrays = {slot: np.asarray(keras.ops.convert_to_numpy(value)) for slot, value in values.items()}
        output = arrays[self.output].reshape(len(image), -1)
        if self._softmax is not None and not explains(arrays[LOGITS_SLOT].astype(float), output):
            self._softmax = None
        if self._softmax is None:
            found = meaning(output)
            self.exact, self._logarithm = found == "logit", found == "probability"
        return arrays

    def run(
        self, image: Any, watch: Callable[[int, Any], None] | None = None, call: Call | None = None
    ) -> Values:
        """Run the network, not training.

        Parameters
        ----------
        image : tensor
            As the network takes it.
        watch : callable, optional
            Is told each slot and its value as soon as there is one.
        call : callable, optional
            Runs each step's operation in place of a plain call.

        Returns
        -------
        dict of int to tensor
            Values by slot; that of `LOGITS_SLOT` are the logits, dims (sample, class_), float32.
        """
        with unwound():
            return self._run_steps(image, watch, call or _call)

    def _run_steps(self, image: Any, watch: Callable[[int, Any], None] | None, call: Call) -> Values:
        values: Values = {IMAGE: image}
        for step, trainable in zip(self.steps, self._trainable, strict=True):
            args, kwargs = step.arguments.fill_in(
                {symbol: values[slot] for symbol, slot in step.inputs.items()}
            )
            if (
                trainable
            ):  # also what was built to train: random flips say so by themselves, and Keras overrules it
                kwargs = {**kwargs, "training": False}
            run = self._run_softmax if step is self._softmax else _run
            for slot, value in zip(step.outputs, run(step, args, kwargs, values, call), strict=True):
                values[slot] = value
                if watch is not None:
                    watch(slot, value)
        values[LOGITS_SLOT] = self._logits(values.get(LOGITS_SLOT, values[self.output]))
        return values

    def _logits(self, value: Any) -> Any:
        shape = [size for size in value.shape[1:] if size != 1] or [1]
        logits = keras.ops.reshape(keras.ops.cast(value, "float32"), (-1, *shape))
        return keras.ops.log(keras.ops.maximum(logits, SMALLEST)) if self._logarithm else logits

    def _run_softmax(self, step: Step, args: Any, kwargs: Any, values: Values, call: Call) -> list[Any]:
        """Run the step that holds the softmax, and note the logits that go into it."""
        activation = getattr(step.operation, "activation", None)
        if activation is None or step.kind == "Activation":
            values[LOGITS_SLOT] = values[next(iter(step.inputs.values()))]
            return _run(step, args, kwargs, values, call)
        with without_activation(step.operation):
            values[LOGITS_SLOT] = call(step, args, kwargs)
        return [activation(values[LOGITS_SLOT])]


@contextmanager
def unwound() -> Iterator[None]:
    """Leave Keras's scopes as they were found: one that fails on entering stays, and names all later weights."""
    scopes = get_global_attribute("name_scope_stack", default=[], set_to_default=True)
    depth = len(scopes)
    try:
        yield
    finally:
        del scopes[depth:]


def _call(step: Step, args: Any, kwargs: Any) -> Any:
    return step.operation(*args, **kwargs)


def _run(step: Step, args: Any, kwargs: Any, _values: Values, call: Call) -> list[Any]:
    return keras.tree.flatten(call(step, args, kwargs))


def _takes_training(step: Step) -> bool:
    return (
        isinstance(step.operation, keras.Layer)
        and "training" in inspect.signature(step.operation.call).parameters
    )
