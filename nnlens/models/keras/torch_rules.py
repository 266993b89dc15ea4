"""What of following a backward rule is torch's, where Keras runs on torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from nnlens.models.keras.kinds import FUNCTIONS, settings_of
from nnlens.models.keras.steps import Late, Nonlinear
from nnlens.models.torch.functions import function_name
from nnlens.models.torch.gates import GATE_READERS
from nnlens.models.torch.kinds import read
from nnlens.models.torch.overlooked import Nodes
from nnlens.models.torch.readers import BENDING_READERS

SLOPE = 0.01
"""Of torch's leaky ReLU where none is given."""


class _TorchEngine:
    """See `nnlens.models.keras.steps.Engine`."""

    def leaves(self, tensors: Sequence[Any]) -> list[Any]:
        return [tensor.detach().requires_grad_(tensor.is_floating_point()) for tensor in tensors]

    def gradient(self, output: Any, inputs: Sequence[Any], gradient: Any) -> list[Any]:
        if not output.requires_grad:
            return [None] * len(inputs)
        return list(torch.autograd.grad(output, inputs, gradient, retain_graph=True, allow_unused=True))

    def replace(
        self, output: Any, tap: Any, inputs: Sequence[Any], back: Callable[[Any], Sequence[Any]]
    ) -> Any:
        return _Replaced.apply(back, output.detach(), tap, *inputs)

    @contextmanager
    def meeting(self, nonlinear: Nonlinear, late: Late) -> Iterator[None]:
        """Meet torch's functions however they are called: by Keras, by a layer of the user's, as a method."""
        del late
        with _Meeting(nonlinear):
            yield

    def apart(self) -> AbstractContextManager[None]:
        return nullcontext()

    def place(self) -> int:
        return 0

    def hidden(self, end: Any) -> Iterator[tuple[None, str]]:
        for _, name in Nodes().unmet(end.grad_fn) if end.requires_grad else ():
            yield None, name


ENGINE = _TorchEngine()
WRITTEN = {name: BENDING_READERS[name] for name in ("clamp", "clip", "clamp_min", "threshold", *GATE_READERS)}
"""Readers of functions by which a rectifier can be written."""


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, back: Callable[[Any], Sequence[Any]], output: Any, tap: Any, *inputs: Any) -> Any:
        del tap, inputs
        ctx.back = back
        return output.detach()  # else an input that is returned as it is

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        with torch.enable_grad():  # a rule may run the layer again with other weights
            tapped, *found = ctx.back(gradient.detach())
        return None, None, tapped, *found


class _Meeting(TorchFunctionMode):
    def __init__(self, nonlinear: Nonlinear) -> None:
        super().__init__()
        self._nonlinear = nonlinear

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        kind = FUNCTIONS.get(getattr(func, "__name__", ""))
        if kind is None:
            return self._written(func, args, kwargs)
        if not args:
            args = (kwargs.pop("input"),)
        inputs, *others = args
        settings = settings_of(kind, tuple(others), kwargs, SLOPE)
        return self._nonlinear(kind, settings, lambda tensor: func(tensor, *others, **kwargs), inputs)

    def _written(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Meet a rectifier that is written as a maximum, a choice or a mask."""
        reader = WRITTEN.get(function_name(func))
        reading = read(reader, func, args, kwargs) if reader is not None and torch.is_grad_enabled() else None
        if reading is None or not reading.whole or reading.in_place:
            return func(*args, **kwargs)
        (place,) = reading.inputs
        before, after = reading.args[:place], reading.args[place + 1 :]

        def run(tensor: Any) -> Any:
            return (reading.call or func)(*before, tensor, *after, **reading.kwargs)

        return self._nonlinear(reading.kind, reading.settings, run, reading.args[place])
