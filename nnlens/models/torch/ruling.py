"""Following a backward rule: a mode of torch that is active during the forward pass and puts the rule in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from nnlens.models.torch.functions import function_name, tensors
from nnlens.models.torch.gates import GATE
from nnlens.models.torch.kinds import Reading, read
from nnlens.models.torch.overlooked import Nodes
from nnlens.models.torch.places import Key, Place
from nnlens.models.torch.readers import EAGER, readers_for
from nnlens.models.torch.reversing import Reversal
from nnlens.models.torch.steps import Followed, TorchStep, overwritten, replaced
from nnlens.rules import KINDS, NONLINEAR, Rule, Step


class Ruling(TorchFunctionMode):
    """Follows a rule; use as a context manager around one forward pass.

    A mode meets a function however it is called: by a module, by ``torch.nn.functional``, as a method, in place, or as
    an operation of an exported program. What a function calls itself it does not meet, so nothing counts twice.

    Parameters
    ----------
    rule : Rule
    places : mapping of (str, int) to Place
    parts : sequence of Module
        All of the network.
    names : mapping of Module to mapping of int to str
        Names of the calls of modules that are layers.
    tap : Tensor, dims (sample,), optional
        Its gradient becomes what is absorbed.
    """

    def __init__(
        self,
        rule: Rule,
        places: Mapping[Key, Place],
        parts: Sequence[nn.Module] = (),
        names: Mapping[nn.Module, Mapping[int, str]] | None = None,
        tap: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._rule, self._places, self._tap = rule, places, tap
        self._parts, self._names = parts, names or {}
        self._readers = readers_for(rule)
        self._counts: Counter[str] = Counter()
        self._bends = not NONLINEAR.isdisjoint(rule.backward)
        self._plain: dict[str, bool] = {}
        self._nodes = Nodes()
        self._weighted: dict[Key, TorchStep] = {}
        self._paused = 0
        self._reversals: list[Reversal] = []

    def __enter__(self) -> Ruling:
        classes = set(self._rule.backward) - KINDS
        for part in self._parts if classes else ():
            if type(part).__name__ in classes and next(part.children(), None) is None:
                self._reversals.append(Reversal(part, self._names.get(part, {}), self._followed, self._pause))
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        for reversal in self._reversals:
            reversal.remove()
        self._weighted.clear()

    @property
    def plain_at(self) -> tuple[str, ...]:
        """Nonlinearities by which the plain gradient came back; complete after the backward pass."""
        return tuple(name for name, passed in self._plain.items() if passed)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        reader = self._readers.get(name)
        if reader is None:
            return func(*args, **kwargs)
        key = (name, self._counts[name])
        self._counts[name] += 1
        asked = torch.is_grad_enabled() and not self._paused
        reading = read(reader, func, args, kwargs) if asked else None
        if reading is None or not all(reading.args[each].requires_grad for each in reading.inputs):
            return self._passed(func, args, kwargs)
        return self._met(reading.call or func, reading, key)

    def _met(self, func: Callable[..., Any], reading: Reading, key: Key) -> Any:
        place = self._places.get(key) or Place(key[0])
        weighted = self._weighted.get(place.weighted) if place.weighted else None
        if not reading.whole or (weighted is None and not self._follows(reading.kind)):
            named = reading.kind in NONLINEAR or (reading.kind == GATE and place.joins)
            name = f"{place.name} ({reading.kind})" if named else ""
            return self._passed(func, reading.args, reading.kwargs, name)
        step = _step(func, reading, place)
        if weighted is not None and reading.linear is not None:
            result = self._follow(Followed(step, _handed_on), func, reading, place)
            weighted.merge(reading.linear, step.output)
            return result
        if self._rule.merge_norms and step.mergeable:
            self._weighted[key] = step
        return self._follow(self._followed(step), func, reading, place)

    def _follows(self, kind: str) -> bool:
        return kind in self._rule.backward or (self._tap is not None and kind in self._rule.absorbing)

    def _followed(self, step: TorchStep) -> Followed:
        function = self._rule.backward.get(step.kind, _plain)
        return Followed(step, function, self._tap if step.kind in self._rule.absorbing else None)

    def _pause(self, starts: bool) -> None:
        self._paused += 1 if starts else -1

    def _passed(self, func: Callable[..., Any], args: Any, kwargs: Any, name: str = "") -> Any:
        """Call a function that keeps the plain gradient, and note its name once one comes back through it.

        Behind the logits none does.
        """
        if not self._bends or not torch.is_grad_enabled():
            return func(*args, **kwargs)
        with self._nodes.meeting((args, kwargs)) as met:
            result = func(*args, **kwargs)
            output = args[0] if result is None else result
            met(output)
        plain = self._plain
        for tensor in tensors(output) if name else ():
            if tensor.requires_grad:
                plain.setdefault(name, False)
                tensor.register_hook(lambda _: plain.update({name: True}))
        return result

    def watch(self, end: Node) -> None:
        """Note nonlinearities that the mode did not meet, before the gradient comes back from an end of the graph."""
        if self._bends:
            plain = self._plain
            for node, name in self._nodes.unmet(end):
                plain.setdefault(name, False)
                node.register_hook(lambda *_, name=name: plain.update({name: True}))
            self._nodes.forget()

    def _follow(self, followed: Followed, func: Callable[..., Any], reading: Reading, place: Place) -> Tensor:
        step, inputs = followed.step, [reading.args[each] for each in reading.inputs]
        if reading.in_place:
            result = overwritten(followed, lambda *_: func(*reading.args, **reading.kwargs), inputs)
            output = result.detach()
        else:
            output = _output(step, func, reading)
            result = replaced(followed, output, inputs)
        step.output = output.clone() if place.output_changes else output
        followed.watch()
        return result


def _plain(gradient: Tensor, inputs: Any, output: Tensor, step: Step) -> Any:
    del inputs, output
    return step.back(gradient)


def _handed_on(gradient: Tensor, inputs: Tensor, output: Tensor, step: Step) -> Tensor:
    """Leave it to the layer that a normalization is part of."""
    del inputs, output, step
    return gradient


def _step(func: Callable[..., Any], reading: Reading, place: Place) -> TorchStep:
    given = [reading.args[each].detach() for each in reading.inputs]
    if place.input_changes:
        given = [each.clone() for each in given]
    elif reading.in_place:
        given = [given[0].clone(), *given[1:]]
    return TorchStep(place.name, reading.kind, reading.settings, given, _again(func, reading), reading.linear)


def _output(step: TorchStep, func: Callable[..., Any], reading: Reading) -> Tensor:
    if reading.kind in EAGER:
        return step.graph().detach()
    with torch.no_grad():
        return func(*reading.args, **reading.kwargs)


def _again(func: Callable[..., Any], reading: Reading) -> Callable[..., Tensor]:
    """Return the call as a function of its inputs that leaves them as they are."""
    # without the inputs themselves, which may lead back to what holds this: memory would wait for the collector
    places, kwargs, in_place = reading.inputs, reading.kwargs, reading.in_place
    rest: list[Any] = [None if each in reading.inputs else value for each, value in enumerate(reading.args)]

    def run(*inputs: Tensor) -> Tensor:
        args = [*rest]
        for place, each in zip(places, inputs, strict=True):
            args[place] = each
        if in_place:
            args[0] = args[0].clone()
        return func(*args, **kwargs)

    return run
