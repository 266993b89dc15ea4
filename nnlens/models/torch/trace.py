"""The graph of a torch network, found by watching one forward pass.

Modules are watched by hooks, functions (``F.relu``, ``a + b``) by a ``TorchFunctionMode``. Every tensor carries the set
of layers that it was computed from, so the inputs of a layer are known whatever happens in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.unflatten import InterpreterModule, UnflattenedModule
from torch.overrides import TorchFunctionMode

from nnlens.models.torch.functions import function_name, layer_kind, main_tensor, tensors, works_in_place
from nnlens.models.torch.linear_kinds import WEIGHTED
from nnlens.models.torch.places import Key, Visit
from nnlens.models.torch.readers import READERS

BATCH = 2
"""Samples in the watched pass: with one, a dimension of the batch could not be told from others."""
IMAGE = -1
"""Stands for the image among the positions of layers."""

Sources = frozenset[int]


@dataclass
class Call:
    """One call of a leaf module or of a function: a layer.

    Attributes
    ----------
    owner : Module or str
        The module, or the function's name.
    ordinal : int
        Which call of the owner it is.
    label : str
        The module's first name, or the function's with that of the module around it.
    kind : str
    shape : tuple of int
        Without the sample.
    inputs : frozenset of int
        Positions of the layers before.
    parameters : int
    weighted : bool
        Whether it multiplies by a matrix of weights; a normalization does not.
    in_place : bool
        Whether a function wrote over its input, so that its result cannot be replaced.
    aliases : list of str
        Other names of the same output.
    overwritten : bool
        Whether something later writes over the output.
    sampled : bool
        Whether the output has a number for every sample; where windows of all images are one batch it has not.
    weights : tuple of Tensor
        Its parameters.
    """

    owner: nn.Module | str
    ordinal: int
    label: str
    kind: str
    shape: tuple[int, ...]
    inputs: Sources
    parameters: int
    weighted: bool
    in_place: bool = False
    aliases: list[str] = field(default_factory=list)
    overwritten: bool = False
    sampled: bool = True
    weights: tuple[Tensor, ...] = ()

    def also_called(self, names: list[str]) -> None:
        """Note modules around it that give the same output; a function has no better name than the innermost."""
        if isinstance(self.owner, str) and not self.aliases:
            self.label, names = names[0], [self.label, *names[1:]]
        self.aliases += names


@dataclass(frozen=True)
class Origin:
    """How a tensor came about: the function, which call of it, and its first input."""

    function: str
    ordinal: int
    input: Tensor


class Tracer(TorchFunctionMode):
    """Watches one forward pass of `module`; use as a context manager.

    Attributes
    ----------
    calls : list of Call
        In order of execution.
    made : dict
        Position of the layer whose output a tensor is, by the tensor's id.
    origins : dict
        Origin of a tensor, by its id.
    visits : dict
        Calls of functions that a backward rule may be for, inside of layers too.
    """

    def __init__(self, module: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.module = module
        self.calls: list[Call] = []
        self.made: dict[int, int] = {}
        self.origins: dict[int, Origin] = {}
        self.visits: dict[Key, Visit] = {}
        self._inside: list[Visit] = []
        self._readers: Counter[int] = Counter()
        self._weighted: dict[int, Key] = {}
        self._sources: dict[int, Sources] = {id(image): frozenset({IMAGE})}
        self._alive: list[object] = [image]  # ids are only unique among the living
        self._outputs: list[tuple[Tensor, int]] = []
        self._names: dict[int, list[str]] = {}
        # in a program a layer may be left as a bare function of weights, which still bear its name
        bare = isinstance(module, UnflattenedModule)
        weights = module.named_parameters() if bare else ()
        self._owners = {id(weight): name.rpartition(".")[0] for name, weight in weights}
        self._counts: Counter[int | str] = Counter()
        self._within: list[tuple[str, bool, Sources]] = []
        self._handles: list[Any] = []

    def __enter__(self) -> Tracer:
        for name, part in self.module.named_modules(remove_duplicate=False):
            if part is not self.module:
                self._names.setdefault(id(part), []).append(name)
        for part in self.module.modules():
            if part is not self.module:
                self._handles.append(part.register_forward_pre_hook(self._enter_module, with_kwargs=True))
                self._handles.append(part.register_forward_hook(self._leave_module))
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        for handle in self._handles:
            handle.remove()
        for visit in self.visits.values():
            if visit.weighted is not None and self._readers[id(visit.inputs[0])] > 1:
                visit.weighted = None
        for (tensor, version), call in zip(self._outputs, self.calls, strict=True):
            call.overwritten = tensor._version != version

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        inputs = list(tensors((args, kwargs or {})))
        sources = self._joined(inputs)
        result = func(*args, **(kwargs or {}))
        name = function_name(func)
        ordinal = self._counts[name]
        self._counts[name] += 1
        if not sources:
            return result
        self._alive.append(result)
        for tensor in tensors(result):
            self._sources[id(tensor)] = sources
            if inputs and tensor is not inputs[0]:
                self.origins[id(tensor)] = Origin(name, ordinal, inputs[0])
        self._visit((name, ordinal), inputs, result)
        if isinstance(result, Tensor) and not self._in_leaf():
            self._note_function(name, ordinal, func, inputs, result, sources)
        if name in READERS and not self._in_leaf():
            self._inside.clear()
        return result

    def sources_of(self, tensor: Tensor) -> Sources:
        """Return the positions of the layers that a tensor was computed from last."""
        return self._sources.get(id(tensor), frozenset())

    def _visit(self, key: Key, inputs: list[Tensor], result: Any) -> None:
        output = inputs[0] if key[0] == "setitem" else main_tensor(result)
        if output is not None:
            self._readers.update(id(tensor) for tensor in inputs)
        if key[0] in READERS and output is not None:
            visit = Visit(f"{self._around()}F.{key[0]}", inputs, output)
            visit.joins = sum(id(tensor) in self._sources for tensor in inputs) > 1
            if key[0] == "batch_norm":
                visit.weighted = self._weighted.get(id(inputs[0]))
            elif key[0] in WEIGHTED:
                self._weighted[id(output)] = key
            self.visits[key] = visit
            self._inside.append(visit)

    def _around(self) -> str:
        return self._within[-1][0] + "." if self._within else ""

    def _note_function(
        self,
        name: str,
        ordinal: int,
        func: Callable[..., Any],
        inputs: list[Tensor],
        result: Tensor,
        sources: Sources,
    ) -> None:
        computed = sum(id(tensor) in self._sources for tensor in inputs)
        kind = layer_kind(name, inputs, result, computed)
        if kind is None:
            return
        weights = [tensor for tensor in inputs if isinstance(tensor, nn.Parameter)]
        owner = next((self._owners[id(weight)] for weight in weights if self._owners.get(id(weight))), None)
        in_place = works_in_place(func) or result is inputs[0]
        label = owner or f"{self._around()}F.{name}"
        call = Call(name, ordinal, label, kind, tuple(result.shape[1:]), sources, *_weight(weights))
        call.in_place, call.weights = in_place, tuple(weights)
        self._add(call, result)

    def _enter_module(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        leaf = next(module.children(), None) is None
        self._within.append((self._names[id(module)][0], leaf, self._joined(tensors((args, kwargs)))))

    def _leave_module(self, module: nn.Module, _args: Any, output: Any) -> None:
        _, leaf, sources = self._within.pop()
        self._leave(module, leaf, sources, output)
        if not self._in_leaf():
            self._inside.clear()

    def _leave(self, module: nn.Module, leaf: bool, sources: Sources, output: Any) -> None:
        ordinal = self._counts[id(module)]
        self._counts[id(module)] += 1
        tensor = main_tensor(output)
        if tensor is None or not sources:
            return
        names = self._names[id(module)]
        if not leaf or self._in_leaf():
            if id(tensor) in self.made:
                self.calls[self.made[id(tensor)]].also_called(names)
            return
        shape = tuple(tensor.shape[1:])
        call = Call(module, ordinal, names[0], _kind(module), shape, sources, *_weight(module.parameters()))
        call.aliases, call.weights = [*call.aliases, *names[1:]], tuple(module.parameters())
        self._alive.append(output)
        self._add(call, tensor)
        for other in tensors(output):  # such as the state of a recurrent layer
            self._sources[id(other)] = self._sources[id(tensor)]

    def _add(self, call: Call, output: Tensor) -> None:
        if not output.ndim:
            return
        call.sampled = len(output) == BATCH
        position = len(self.calls)
        self.calls.append(call)
        for visit in self._inside:
            visit.position = position
        self._outputs.append((output, output._version))
        self._sources[id(output)] = frozenset({position})
        self.made[id(output)] = position

    def _in_leaf(self) -> bool:
        return any(leaf for _, leaf, _ in self._within)

    def _joined(self, inputs: Any) -> Sources:
        return frozenset().union(*(self._sources.get(id(tensor), frozenset()) for tensor in inputs))


def _kind(module: nn.Module) -> str:
    """Return the class of a module; of a program's parts that which they were made from."""
    return (isinstance(module, InterpreterModule) and module.ty) or type(module).__name__


def _weight(parameters: Any) -> tuple[int, bool]:
    """Return how many numbers parameters have, and whether one of them is a matrix."""
    known = list(parameters)
    return sum(parameter.numel() for parameter in known), any(parameter.ndim > 1 for parameter in known)


def image_like(shape: tuple[int, int, int], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a batch of noise, the same every time and without touching torch's own random numbers."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn((BATCH, *shape), generator=generator).to(device, dtype)
