"""The graph of a Keras network as a list of steps, with networks inside of it laid open.

Keras keeps it as nodes: each is one call of a layer, so a layer that is called twice has two. ``layer.output`` would
return the first of them without a word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from nnlens.errors import ModelError
from nnlens.models.base import LayerInfo
from nnlens.schema import INPUT

IMAGE = 0
"""Slot of the image: every tensor of the network has a slot, numbered in order of execution."""
LARGEST = 2**28
"""Values of one image in one layer: a gigabyte. VGG16 has three million at most."""
TRANSPARENT = frozenset({"Reshape", "Flatten", "Dropout", "Identity"})
"""Kinds that may stand after a softmax without hiding that the network ends with one."""
SAME_OUTPUT = frozenset({"Dropout", "SpatialDropout2D", "Identity", "InputLayer"})
"""Kinds that give back what they get, when not training."""
SOFTMAX = frozenset({"softmax", "log_softmax"})


@dataclass(frozen=True)
class Step:
    """One call of a layer or operation.

    Attributes
    ----------
    operation : keras.Operation
    arguments : SymbolicArguments
        What it is called with, in symbols.
    inputs : mapping of int to int
        Slot of each symbol, by the symbol's id.
    outputs : tuple of int
        Slots of what it returns.
    name : str
        Name of the operation, after the names of the networks that it lies in.
    aliases : tuple of str
        Networks inside that end with it.
    """

    operation: Any
    arguments: Any
    inputs: Mapping[int, int]
    outputs: tuple[int, ...]
    name: str
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Class of the operation."""
        return type(self.operation).__name__

    @property
    def activation(self) -> str:
        """Name of the activation function that is part of it, or nothing."""
        return getattr(getattr(self.operation, "activation", None), "__name__", "")


class _Unrolling:
    """Collects the steps of a network and of those inside."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._slots = IMAGE

    def run(self, function: Any, slots: dict[int, int], prefix: str) -> dict[int, int]:
        """Add the steps of a functional network, given the slots of its input symbols."""
        for node in _nodes(function):
            if any(id(symbol) not in slots for symbol in node.input_tensors):
                continue  # belongs to an output that is not asked for
            inner = functional(node.operation)
            if inner is not None and len(inner.inputs) == len(node.input_tensors) == 1:
                self._lay_open(inner, node, slots, f"{prefix}{node.operation.name}")
            else:
                self._add(node, slots, prefix)
        return slots

    def _add(self, node: Any, slots: dict[int, int], prefix: str) -> None:
        outputs = []
        for symbol in node.outputs:
            _check_extent(symbol.shape, node.operation.name)
            self._slots += 1
            slots[id(symbol)] = self._slots
            outputs.append(self._slots)
        inputs = {id(symbol): slots[id(symbol)] for symbol in node.input_tensors}
        self.steps.append(
            Step(node.operation, node.arguments, inputs, tuple(outputs), prefix + node.operation.name)
        )

    def _lay_open(self, inner: Any, node: Any, slots: dict[int, int], name: str) -> None:
        inside = self.run(inner, {id(inner.inputs[0]): slots[id(node.input_tensors[0])]}, f"{name}/")
        for outer, symbol in zip(node.outputs, inner.outputs, strict=True):
            slots[id(outer)] = inside[id(symbol)]
        self._alias(inside[id(inner.outputs[0])], name)

    def _alias(self, slot: int, name: str) -> None:
        for position, step in enumerate(self.steps):
            if step.outputs and step.outputs[0] == slot:
                names = (*step.aliases, name)
                self.steps[position] = Step(
                    step.operation, step.arguments, step.inputs, step.outputs, step.name, names
                )


def unroll(model: Any) -> tuple[list[Step], int]:
    """Return the steps of a network and the slot of its output; of several outputs that of `chosen_output`.

    Raises
    ------
    ModelError
        If it is not a graph, or has several inputs.
    """
    function = functional(model)
    if function is None:
        raise ModelError(
            f"{type(model).__name__} is a subclassed Keras network: Keras does not know its graph.",
            "Build it with the functional API or as Sequential.",
        )
    if len(function.inputs) != 1:
        raise ModelError(
            f"The network has {len(function.inputs)} inputs.", "Only one image at a time is understood."
        )
    _check_extent(function.inputs[0].shape, "its input")
    unrolling = _Unrolling()
    slots = unrolling.run(function, {id(function.inputs[0]): IMAGE}, "")
    return unrolling.steps, slots[id(function.outputs[chosen_output(function)])]


def chosen_output(function: Any) -> int:
    """Return which output is taken for the classes': the first that is flat, else the first."""
    flat = [
        number
        for number, output in enumerate(function.outputs)
        if sum(size != 1 for size in output.shape[1:]) <= 1
    ]
    return flat[0] if flat else 0


def _check_extent(shape: Sequence[int | None], name: str) -> None:
    """Refuse what no image needs before it takes all memory: a few bytes of a file can ask for it."""
    extent = math.prod(size for size in shape[1:] if size is not None)
    if extent > LARGEST:
        raise ModelError(
            f"The network asks for {extent:,} values an image at {name!r}.",
            "Do not open it unless you made it.",
        )


def functional(operation: Any) -> Any:
    """Return the functional network that an operation is, or that a Sequential holds; else None."""
    if isinstance(operation, keras.Sequential):
        operation = operation._functional
    return operation if isinstance(operation, keras.Model) and hasattr(operation, "_nodes_by_depth") else None


def _nodes(function: Any) -> Iterator[Any]:
    """Yield the calls in order of execution."""
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            if node.operation is not None and not node.is_input:
                yield node


def layer_infos(steps: list[Step], shapes: Mapping[int, tuple[int, ...]]) -> tuple[LayerInfo, ...]:
    """Describe each step; numbers stand only where a name comes more than once."""
    total = Counter(name for step in steps for name in (step.name, *step.aliases))
    seen: Counter[str] = Counter()

    def numbered(name: str) -> str:
        seen[name] += 1
        return name if total[name] == 1 else f"{name}#{seen[name] - 1}"

    names = [[numbered(name) for name in (step.name, *step.aliases)] for step in steps]
    made = {slot: own[0] for step, own in zip(steps, names, strict=True) for slot in step.outputs} | {
        IMAGE: INPUT
    }
    return tuple(
        LayerInfo(
            name=own,
            kind=step.kind,
            shape=shapes[step.outputs[0]],
            parameters=parameter_count(step.operation),
            inputs=tuple(dict.fromkeys(made[slot] for slot in sorted(step.inputs.values()))),
            capturable=len(shapes[step.outputs[0]]) in (1, 3),
            aliases=tuple(aliases),
        )
        for step, (own, *aliases) in zip(steps, names, strict=True)
    )


def parameter_count(operation: Any) -> int:
    """Return how many weights an operation has."""
    return int(operation.count_params()) if isinstance(operation, keras.Layer) else 0


def logits_step(steps: list[Step], output: int) -> Step | None:
    """Return the step that holds the network's final softmax, alone or fused into a layer; else None."""
    made = {slot: step for step in steps for slot in step.outputs}
    step = made.get(output)
    while step is not None:
        if step.activation in SOFTMAX or step.kind in ("Softmax", "LogSoftmax"):
            return step
        if step.kind not in TRANSPARENT:
            return None
        step = made.get(next(iter(step.inputs.values()), IMAGE))
    return None


def hidden_layer(steps: list[Step], layers: tuple[LayerInfo, ...], output: int) -> str:
    """Return the input of the last layer with a matrix of weights on the way to the output."""
    made = {slot: position for position, step in enumerate(steps) for slot in step.outputs}
    weighted = [
        step
        for step in _leading_to(output, steps)
        if any(len(w.shape) > 1 for w in getattr(step.operation, "weights", ()))
    ]
    slot = max(weighted[-1].inputs.values()) if weighted else IMAGE
    while slot != IMAGE and (layers[made[slot]].kind in SAME_OUTPUT or not layers[made[slot]].capturable):
        slot = max(steps[made[slot]].inputs.values())
    return INPUT if slot == IMAGE else layers[made[slot]].name


def _leading_to(output: int, steps: list[Step]) -> list[Step]:
    """Return the steps that an output depends on, in order of execution."""
    needed, found = {output}, []
    for step in reversed(steps):
        if needed & set(step.outputs):
            needed |= set(step.inputs.values())
            found.append(step)
    return found[::-1]
