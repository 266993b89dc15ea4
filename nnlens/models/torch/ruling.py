"""Following a backward rule: a mode of torch that is active during the forward pass and puts the rule in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from nnlens.models.torch.functions import function_name
from nnlens.models.torch.kinds import READERS, Reading, read
from nnlens.models.torch.places import Key, Place
from nnlens.models.torch.steps import Followed, TorchStep, overwritten, replaced
from nnlens.rules import NONLINEAR, Rule


class Ruling(TorchFunctionMode):
    """Follows a rule; use as a context manager around one forward pass.

    A mode meets a function however it is called: by a module, by ``torch.nn.functional``, as a method, in place, or as
    an operation of an exported program. What a function calls itself it does not meet, so nothing counts twice.

    Parameters
    ----------
    rule : Rule
    places : mapping of (str, int) to Place
    tap : Tensor, dims (sample,), optional
        Its gradient becomes what is absorbed.
    """

    def __init__(self, rule: Rule, places: Mapping[Key, Place], tap: Tensor | None = None) -> None:
        super().__init__()
        self._rule, self._places, self._tap = rule, places, tap
        self._counts: Counter[str] = Counter()
        self._bends = not NONLINEAR.isdisjoint(rule.backward)
        self._plain: dict[str, bool] = {}

    @property
    def plain_at(self) -> tuple[str, ...]:
        """Nonlinearities by which the plain gradient came back; complete after the backward pass."""
        return tuple(name for name, passed in self._plain.items() if passed)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        if name not in READERS:
            return func(*args, **kwargs)
        place = self._place(name)
        reading = read(name, func, args, kwargs) if torch.is_grad_enabled() else None
        if reading is None or not all(reading.args[each].requires_grad for each in reading.inputs):
            return func(*args, **kwargs)
        function = self._rule.backward.get(reading.kind) if reading.whole else None
        if function is None:
            return self._passed(func(*args, **kwargs), f"{place.name} ({reading.kind})", reading)
        step = self._step(func, reading, place)
        followed = Followed(step, function, reading.kind in self._rule.absorbing)
        return self._follow(followed, func, reading, place)

    def _place(self, name: str) -> Place:
        key = (name, self._counts[name])
        self._counts[name] += 1
        return self._places.get(key) or Place(name)

    def _passed(self, result: Any, name: str, reading: Reading) -> Any:
        """Note the name of a nonlinearity once a gradient comes back through it: behind the logits none does."""
        if self._bends and reading.kind in NONLINEAR:
            for tensor in result if isinstance(result, tuple) else (result,):
                if isinstance(tensor, Tensor) and tensor.requires_grad:
                    self._plain.setdefault(name, False)
                    tensor.register_hook(lambda _: self._plain.update({name: True}))
        return result

    def _step(self, func: Callable[..., Any], reading: Reading, place: Place) -> TorchStep:
        given = [reading.args[each].detach() for each in reading.inputs]
        if reading.in_place:
            given = [given[0].clone(), *given[1:]]
        elif place.input_changes:
            given = [each.clone() for each in given]
        return TorchStep(place.name, reading.kind, reading.settings, given, _again(func, reading))

    def _follow(self, followed: Followed, func: Callable[..., Any], reading: Reading, place: Place) -> Tensor:
        step, inputs = followed.step, [reading.args[each] for each in reading.inputs]
        tap = self._tap if followed.absorbing else None
        if reading.in_place:
            result = overwritten(followed, lambda *_: func(*reading.args, **reading.kwargs), tap, inputs)
            output = result.detach()
        else:
            with torch.no_grad():
                output = func(*reading.args, **reading.kwargs)
            result = replaced(followed, output, tap, inputs)
        step.output = output.clone() if place.output_changes else output
        followed.watch()
        return result


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
