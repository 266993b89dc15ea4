"""Catching the outputs of layers during one forward pass, with nothing left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

from nnlens.models.pooling import pool
from nnlens.models.torch.functions import function_name, main_tensor
from nnlens.models.torch.trace import Call


class Recorder:
    """Catches outputs of chosen layers; use as a context manager around one forward pass.

    Modules are watched by hooks; a ``TorchFunctionMode``, which costs time on every operation, is there only where a
    chosen layer is a function.

    Parameters
    ----------
    calls : sequence of Call
        All layers of the network.
    positions : iterable of int
        Which of them to catch.
    function : (str, int) or None
        Also catch the first input of this call of a function.
    differentiable : collection of int
        Outputs that gradients go through: where nothing before them asks for one, the graph starts there.
    means : collection of int
        Outputs of which only the mean over space is caught.

    Attributes
    ----------
    outputs : dict of int to Tensor
        By position. They stay what they were: where the network would write over one, it goes on with a copy.
    function_input : Tensor or None
    edges : dict of int to GradientEdge
        Where gradients of the differentiable ones come by. It stays right when the tensor is written over.
    """

    def __init__(
        self,
        calls: tuple[Call, ...],
        positions: Iterable[int],
        function: tuple[str, int] | None = None,
        differentiable: Container[int] = (),
        means: Container[int] = (),
    ) -> None:
        self.outputs: dict[int, Tensor] = {}
        self.function_input: Tensor | None = None
        self.edges: dict[int, GradientEdge] = {}
        self._calls = calls
        self._function = function
        self._differentiable = differentiable
        self._means = means
        self._modules: dict[nn.Module, dict[int, int]] = {}
        self._functions: dict[tuple[str, int], int] = {}
        for position in positions:
            call = calls[position]
            if isinstance(call.owner, str):
                self._functions[call.owner, call.ordinal] = position
            else:
                self._modules.setdefault(call.owner, {})[call.ordinal] = position
        self._handles: list[Any] = []
        self._mode: TorchFunctionMode | None = None

    def __enter__(self) -> Recorder:
        for module, ordinals in self._modules.items():
            self._handles.append(module.register_forward_hook(self._hook(ordinals)))
        if self._functions or self._function is not None:
            self._mode = _FunctionMode(
                self._on_function, {name for name, _ in self._functions}, self._function
            )
            self._mode.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._mode is not None:
            self._mode.__exit__(*exception)
        for handle in self._handles:
            handle.remove()

    def _hook(self, ordinals: dict[int, int]) -> Callable[..., Any]:
        """Return a hook that knows which calls of its module are wanted."""
        seen = iter(range(10**9))

        def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
            position = ordinals.get(next(seen))
            return None if position is None else self._keep(position, output)

        return hook

    def _keep(self, position: int, output: Any) -> Any:
        tensor = main_tensor(output)
        if tensor is None:
            return None
        if position in self._means:
            self.outputs[position] = mean_over_space(tensor)
            return None
        if position in self._differentiable and torch.is_grad_enabled():
            if not tensor.requires_grad:
                tensor.requires_grad_()
            self.edges[position] = get_gradient_edge(tensor)
        call = self._calls[position]
        if not call.overwritten:
            self.outputs[position] = tensor
            return None
        if tensor is output and not call.in_place:
            self.outputs[position] = tensor
            return tensor.clone()
        self.outputs[position] = tensor.clone()
        return None

    def _on_function(self, name: str, ordinal: int, args: Any, result: Any) -> Any:
        if (name, ordinal) == self._function:
            self.function_input = main_tensor(args)
        position = self._functions.get((name, ordinal))
        replaced = None if position is None else self._keep(position, result)
        return result if replaced is None else replaced


def mean_over_space(maps: Tensor) -> Tensor:
    """Return the mean, dims (sample, channel), of maps (sample, channel, y, x)."""
    if maps.device.type == "cpu" and maps.dtype == torch.float32:
        return torch.from_numpy(pool(maps.detach().numpy()))
    return maps.mean((2, 3), dtype=torch.float32)


class _FunctionMode(TorchFunctionMode):
    """Tells of every call of some functions, with its number."""

    def __init__(
        self, tell: Callable[[str, int, Any, Any], Any], names: set[str], function: tuple[str, int] | None
    ) -> None:
        super().__init__()
        self._tell = tell
        self._names = names | ({function[0]} if function is not None else set())
        self._counts: Counter[str] = Counter()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = function_name(func)
        if name not in self._names:
            return result
        self._counts[name] += 1
        return self._tell(name, self._counts[name] - 1, (args, kwargs), result)
