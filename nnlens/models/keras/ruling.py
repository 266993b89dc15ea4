"""Following a backward rule through the steps of a `Program` and the nonlinearities inside of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from nnlens.models.keras.graph import Step
from nnlens.models.keras.kinds import (
    FUNCTIONS,
    KINDS_IN_PAIRS,
    LINEAR,
    NORMALIZATION,
    activated,
    kind_of,
    rectifier,
)
from nnlens.models.keras.linear import channel_axis, linear_of, without_activation
from nnlens.models.keras.steps import Engine, Followed, KerasStep
from nnlens.rules import KINDS, NONLINEAR, Rule


class Ruling:
    """Follows a rule through one pass.

    Parameters
    ----------
    rule : Rule
    engine : Engine
    steps : sequence of Step
    names : sequence of str
        Of the layers that the steps are.
    output : int
        Slot of the network's output.
    tap : tensor, dims (sample,), optional
        Its gradient becomes what is absorbed.
    """

    def __init__(
        self,
        rule: Rule,
        engine: Engine,
        steps: Sequence[Step],
        names: Sequence[str],
        output: int,
        tap: Any = None,
    ) -> None:
        self._rule, self._engine, self._tap = rule, engine, tap
        self._names = {id(step): name for step, name in zip(steps, names, strict=True)}
        self._bends = not NONLINEAR.isdisjoint(rule.backward)
        self._norms = merged_norms(steps, output, rule) if rule.merge_norms else {}
        self._merged = {id(step) for step in self._norms.values()}
        self._name, self._inside = "", False
        self._plain: dict[str, bool] = {}
        self._marks: list[tuple[int, str, bool]] = []

    @property
    def plain_at(self) -> tuple[str, ...]:
        """Nonlinearities by which the plain gradient came back; complete after the backward pass."""
        return tuple(name for name, passed in self._plain.items() if passed)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Meet the nonlinearities that are called in this thread."""
        with self._engine.meeting(self._nonlinear, self._late):
            yield

    def look_into(self, end: Any) -> None:
        """Note what is before an end of the graph and hides what it does."""
        for place, kind in self._engine.hidden(end):
            name = "" if place is None else self._at(place)[0]
            if self._bends and (name or place is None):
                self._plain[f"{name} ({kind})" if name else kind] = True

    def call(self, step: Step, args: Any, kwargs: Any) -> Any:
        """Run a step so that the gradient takes the rule's way back."""
        self._name = self._names[id(step)]
        self._marks.append((self._engine.place(), self._name, step.kind.endswith("Normalization")))
        try:
            return self._called(step, args, kwargs)
        finally:
            self._marks.append((self._engine.place(), "", False))

    def _at(self, place: int) -> tuple[str, bool]:
        """Return the layer to which an operation of the graph belongs, and whether it is a normalization."""
        found = bisect_right(self._marks, place, key=lambda mark: mark[0]) - 1
        return self._marks[found][1:] if found >= 0 else ("", False)

    def _late(
        self,
        place: int,
        kind: str,
        settings: Mapping[str, float],
        run: Callable[[Any], Any],
        inputs: Any,
        gradient: Any,
    ) -> Any:
        """Return the rule's gradient at a nonlinearity that was not met, None where it is the plain one."""
        name, norm = self._at(place)
        function = self._rule.backward.get(kind) if inputs is not None else None
        if function is None:
            if name and self._bends and not (norm and kind not in NONLINEAR):
                self._plain[f"{name} ({kind})"] = True
            return None
        step = KerasStep(self._engine, name or kind, kind, settings, [inputs], run)
        return Followed(step, function, False).back(gradient)[1]

    def _called(self, step: Step, args: Any, kwargs: Any) -> Any:
        operation, kind = step.operation, self._kind(step)
        if activated(operation):
            with without_activation(operation):
                output = self._stepped(step, kind, args, kwargs)
            return self._activated(operation.activation, output)
        if id(step) in self._merged:
            return self._passed_on(operation, args, kwargs)
        if kind in KINDS_IN_PAIRS:
            return self._pairs(kind, operation, args, kwargs)
        if type(operation) is keras.layers.Activation and kind != step.kind:
            return self._activated(operation.activation, args[0])
        found = (kind, {}) if kind in NONLINEAR else rectifier(operation)
        if found is not None:
            return self._follow(*found, operation, args, kwargs)
        return self._stepped(step, kind, args, kwargs)

    def _kind(self, step: Step) -> str:
        """Return the kind by which the rule knows a step, its class before what holds of every framework."""
        known = step.kind not in KINDS and step.kind in self._rule.backward
        return step.kind if known else kind_of(step.operation)

    def _stepped(self, step: Step, kind: str, args: Any, kwargs: Any) -> Any:
        if kind not in self._rule.backward:
            return step.operation(*args, **kwargs)
        norm = self._norms.get(id(step))
        return self._follow(kind, {}, step.operation, args, kwargs, None if norm is None else norm.operation)

    def _pairs(self, kind: str, operation: Any, args: Any, kwargs: Any) -> Any:
        """Run a sum or product of tensors as one of pairs, so that the rule always gets two."""
        first, *others = [each for each in keras.tree.flatten((args, kwargs)) if each is not None]
        if kind not in self._rule.backward or not all(map(keras.ops.is_tensor, (first, *others))):
            return operation(*args, **kwargs)
        for other in others:
            first = self._met(kind, {}, KINDS_IN_PAIRS[kind], [first, other])
        return first

    def _activated(self, activation: Callable[[Any], Any], inputs: Any) -> Any:
        """Run an activation function; Keras makes some of them of others."""
        kind = FUNCTIONS.get(getattr(activation, "__name__", ""), "")
        if kind == "Mish":
            return self._nonlinear(kind, {}, activation, inputs)
        return activation(inputs)

    def _nonlinear(
        self, kind: str, settings: Mapping[str, float], function: Callable[[Any], Any], inputs: Any
    ) -> Any:
        """Run a nonlinearity, unless it is part of what is met already."""
        if self._inside or not (self._bends or kind in self._rule.backward):
            return function(inputs)
        return self._met(kind, settings, function, [inputs])

    def _follow(
        self,
        kind: str,
        settings: Mapping[str, float],
        operation: Any,
        args: Any,
        kwargs: Any,
        norm: Any = None,
    ) -> Any:
        flat = keras.tree.flatten((args, kwargs))
        places = [place for place, each in enumerate(flat) if keras.ops.is_tensor(each)]

        def run(*tensors: Any) -> Any:
            filled = [*flat]
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
            own, named = keras.tree.pack_sequence_as((args, kwargs), filled)
            return operation(*own, **named)

        return self._met(
            kind, settings, run, [flat[place] for place in places], linear_of(operation, norm), norm
        )

    def _met(
        self,
        kind: str,
        settings: Mapping[str, float],
        run: Callable[..., Any],
        inputs: Sequence[Any],
        linear: Any = None,
        norm: Any = None,
    ) -> Any:
        function = self._rule.backward.get(kind)
        with self._apart():
            step = KerasStep(self._engine, self._name, kind, settings, inputs, run, linear)
            output = step.output if norm is None else step.merge(norm)
        absorbing = kind in self._rule.absorbing and self._tap is not None
        followed = Followed(step, function or self._noting(kind), absorbing)
        return self._engine.replace(output, self._tap if absorbing else None, inputs, followed.back)

    def _noting(self, kind: str) -> Callable[..., Any]:
        """Return the plain gradient as a rule; it is noted where a gradient comes, and not behind the logits."""
        told = f"{self._name} ({kind})"
        self._plain.setdefault(told, False)

        def plain(gradient: Any, _inputs: Any, _output: Any, step: Any) -> Any:
            self._plain[told] = self._bends
            return step.back(gradient)

        return plain

    def _passed_on(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """Run a normalization that is part of the layer before it: the gradient goes there as it is."""
        return self._engine.replace(operation(*args, **kwargs), None, [args[0]], lambda each: [None, each])

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Leave alone what is inside of what is met."""
        before, self._inside = self._inside, True
        try:
            with self._engine.apart():
                yield
        finally:
            self._inside = before


def merged_norms(steps: Sequence[Step], output: int, rule: Rule) -> dict[int, Step]:
    """Return the batch normalization that alone reads a layer which the rule is for, by that step's id."""
    readers = Counter(slot for step in steps for slot in step.inputs.values()) + Counter([output])
    made = {step.outputs[0]: step for step in steps if len(step.outputs) == 1}
    found = {}
    for norm in steps:
        before = [made[slot] for slot in norm.inputs.values() if slot in made and readers[slot] == 1]
        if kind_of(norm.operation) == NORMALIZATION and before and _mergeable(before[0], norm, rule):
            found[id(before[0])] = norm
    return found


def _mergeable(step: Step, norm: Step, rule: Rule) -> bool:
    kind = kind_of(step.operation)
    if kind not in LINEAR or kind not in rule.backward or activated(step.operation):
        return False
    axis, count = norm.operation.axis, norm.operation.input_spec.ndim
    return axis % count == channel_axis(step.operation) % count
