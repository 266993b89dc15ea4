"""One call of a layer as a backward rule sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import keras

from nnlens.errors import ModelError
from nnlens.models.keras.linear import Linear
from nnlens.models.keras.operand import unwrap, wrap
from nnlens.rules import Backward

Change = Callable[[Any], Any]
Nonlinear = Callable[[str, Mapping[str, float], Callable[[Any], Any], Any], Any]
"""(kind, settings, function, input) → output."""

Late = Callable[[int, str, Mapping[str, float], Callable[[Any], Any], Any, Any], Any]
"""(place in the graph, kind, settings, function, input or None, gradient) → gradient at the input, None for plain."""


class Engine(Protocol):
    """What of following a rule is the framework's."""

    def leaves(self, tensors: Sequence[Any]) -> list[Any]:
        """Return tensors of the same values, from which a graph of one's own starts."""

    def gradient(self, output: Any, inputs: Sequence[Any], gradient: Any) -> list[Any]:
        """Return the plain gradient of such a graph; None where none arrives."""

    def replace(
        self, output: Any, tap: Any, inputs: Sequence[Any], back: Callable[[Any], Sequence[Any]]
    ) -> Any:
        """Return the output so that `back` gives the gradients at the tap and the inputs."""

    def meeting(self, nonlinear: Nonlinear, late: Late) -> AbstractContextManager[None]:
        """Let a function be called for each nonlinearity in this thread, another on the way back for those not met."""

    def apart(self) -> AbstractContextManager[None]:
        """Meet none for a moment."""

    def place(self) -> int:
        """Return how many operations the graph has, where it has places."""

    def hidden(self, end: Any) -> Iterable[tuple[int | None, str]]:
        """Look at all that is before an end of the graph; yield the place, if any, and kind of what hides its work."""


class KerasStep:
    """One call of a layer; see `nnlens.rules.Step`.

    Parameters
    ----------
    engine : Engine
    name, kind : str
    settings : mapping of str to float
    inputs : sequence of tensor
    run : callable
        Computes the output from inputs.
    linear : Linear, optional
        What `run` does with weights.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        kind: str,
        settings: Mapping[str, float],
        inputs: Sequence[Any],
        run: Callable[..., Any],
        linear: Linear | None = None,
    ) -> None:
        self.name, self.kind, self.settings = name, kind, settings
        self._engine, self._run, self._linear = engine, run, linear
        self.inputs = engine.leaves(inputs)
        self.output = run(*self.inputs)

    def merge(self, norm: Any) -> Any:
        """Make a normalization part of the layer; return what the layer gave without it."""
        run, output = self._run, self.output
        self._run = lambda inputs: norm(run(inputs), training=False)
        self.output = norm(output, training=False)
        return output

    def back(self, gradient: Any, weight: Change | None = None) -> Any:
        """Return the plain gradient at the input, or that of the same layer with its weights put through a function."""
        output = self.output
        if weight is not None and self._linear is not None:
            output = self._linear(self.inputs[0], weight)
        found = self._engine.gradient(output, self.inputs, unwrap(gradient))
        arrived = [
            keras.ops.zeros_like(each) if one is None else one
            for each, one in zip(self.inputs, found, strict=True)
        ]
        return wrap(arrived[0] if len(arrived) == 1 else arrived)

    def forward(self, inputs: Any, weight: Change | None = None, bias: bool = True) -> Any:
        """Return what the layer makes of another input."""
        if self._linear is None or (weight is None and bias):
            return wrap(self._run(unwrap(inputs)))
        return wrap(self._linear(unwrap(inputs), weight, bias))


class Followed:
    """A step with what a rule does on the way back through it.

    Parameters
    ----------
    step : KerasStep
    function : callable
        The rule's.
    absorbing : bool
        Whether what the step keeps of the sum of the gradient is wanted.
    """

    def __init__(self, step: KerasStep, function: Backward, absorbing: bool) -> None:
        self._step, self._function, self._absorbing = step, function, absorbing

    def back(self, gradient: Any) -> list[Any]:
        """Return the gradients at the tap, None where it is not absorbing, and at the inputs."""
        step = self._step
        inputs = step.inputs[0] if len(step.inputs) == 1 else tuple(step.inputs)
        given = self._function(wrap(gradient), wrap(inputs), wrap(step.output), step)
        found = self._checked(given if isinstance(given, tuple | list) else (given,))
        if not self._absorbing:
            return [None, *found]
        kept = _sums(gradient)
        for one in found:
            kept = kept - _sums(one)
        return [kept, *found]

    def _checked(self, given: Sequence[Any]) -> list[Any]:
        inputs = self._step.inputs
        if len(given) != len(inputs):
            raise ModelError(
                f"The backward rule gives {len(given)} gradients at {self._step.name!r}, "
                f"which has {len(inputs)} inputs."
            )
        return [self._fitted(unwrap(one), own) for one, own in zip(given, inputs, strict=True)]

    def _fitted(self, gradient: Any, own: Any) -> Any:
        """Return a gradient in the shape of its input; of an input that was spread it is added up."""
        shape, wanted = tuple(getattr(gradient, "shape", ())), tuple(own.shape)
        if len(shape) == len(wanted):
            spread = [axis for axis, size in enumerate(wanted) if size == 1 and shape[axis] != 1]
            if spread and len(self._step.inputs) > 1:
                gradient = keras.ops.sum(gradient, axis=spread, keepdims=True)
                shape = tuple(gradient.shape)
            if all(None in pair or pair[0] == pair[1] for pair in zip(shape, wanted, strict=True)):
                return gradient
        raise ModelError(
            f"The backward rule gives the shape {shape} at {self._step.name!r} where the input has {wanted}."
        )


def _sums(value: Any) -> Any:
    return keras.ops.sum(value, axis=tuple(range(1, len(value.shape))))
