"""The nodes of an ONNX graph as layers: what is computed from the image, sample by sample."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto

from nnlens.models.base import LayerInfo
from nnlens.models.probability import explains
from nnlens.schema import INPUT

SOFTMAX = frozenset({"Softmax", "LogSoftmax"})
TRANSPARENT = frozenset(
    {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Log", "Clip", "Dropout"}
)
"""What may stand after a softmax without hiding that the network ends with one."""
SAME_OUTPUT = frozenset({"Identity", "Dropout", "Cast"})
WEIGHTED = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul", "ConvInteger"}
)
"""What multiplies by weights; a normalization is none."""
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16})

Arrays = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Step:
    """A node whose output depends on the image.

    Attributes
    ----------
    node : NodeProto
    output : str
        The name of the value.
    """

    node: NodeProto
    output: str


def steps(graph: GraphProto, image: str) -> list[Step]:
    """Return each value that is computed from the image, in the order of the graph, which is that of execution."""
    reached, found = {image}, []
    for node in graph.node:
        if reached.isdisjoint(node.input):
            continue
        reached.update(node.output)
        found += [Step(node, output) for output in node.output if output]
    return found


def constants(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    """Yield the weights of a graph by name, those too that are nodes."""
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t"):
                yield node.output[0], attribute.t


def layer_infos(
    graph: GraphProto, found: Sequence[Step], arrays: Arrays, image: str
) -> tuple[LayerInfo, ...]:
    """Describe the values that have a number for every sample.

    Parameters
    ----------
    graph : GraphProto
    found : sequence of Step
    arrays : mapping of str to ndarray
        Values of a trial, with their samples; others are no layers.
    image : str
    """
    sizes = {name: math.prod(tensor.dims) for name, tensor in constants(graph) if tensor.data_type in FLOATS}
    sources: dict[str, frozenset[str]] = {image: frozenset({INPUT})}
    layers: list[LayerInfo] = []
    places = {INPUT: -1}
    for step in found:
        before = frozenset().union(*(sources.get(name, frozenset()) for name in step.node.input))
        sources[step.output] = before
        if step.output not in arrays:
            continue
        sources[step.output] = frozenset({step.output})
        places[step.output] = len(layers)
        shape = arrays[step.output].shape[1:]
        alias = step.node.name
        layers.append(
            LayerInfo(
                name=step.output,
                kind=step.node.op_type,
                shape=shape,
                parameters=sum(sizes.get(name, 0) for name in step.node.input),
                inputs=tuple(sorted(before, key=places.__getitem__)),
                capturable=len(shape) in (1, 3),
                aliases=(alias,) if alias and alias != step.output and len(step.node.output) == 1 else (),
            )
        )
    return tuple(_unique(layers))


def logits_of(found: Sequence[Step], arrays: Arrays, output: str) -> str | None:
    """Return the value that goes into the softmax at the end, None where there is none."""
    makers = {step.output: step.node for step in found}
    name = output
    while (node := makers.get(name)) is not None:
        before = node.input[0]
        if node.op_type in SOFTMAX:
            seen = before in arrays and arrays[before].ndim > 1
            return before if seen and explains(_flat(arrays[before]), _flat(arrays[output])) else None
        if node.op_type not in TRANSPARENT:
            return None
        name = before
    return None


def hidden_layer(graph: GraphProto, found: Sequence[Step], layers: Sequence[LayerInfo]) -> str:
    """Return the input of the last layer with a matrix of weights."""
    matrices = {name for name, tensor in constants(graph) if len(tensor.dims) > 1}
    for node in graph.node:  # weights that are turned, cast or kept as small integers
        if not matrices.isdisjoint(node.input[:1]):
            matrices.update(node.output)
    by_name = {layer.name: layer for layer in layers}
    last = next(
        (
            by_name[step.output]
            for step in reversed(found)
            if step.node.op_type in WEIGHTED
            and step.output in by_name
            and not matrices.isdisjoint(step.node.input)
        ),
        None,
    )
    name = INPUT if last is None else last.inputs[-1]
    while name != INPUT and (by_name[name].kind in SAME_OUTPUT or not by_name[name].capturable):
        name = by_name[name].inputs[-1]
    return name


def _flat(array: NDArray[np.floating]) -> NDArray[np.floating]:
    return array.reshape(len(array), -1)


def _unique(layers: Sequence[LayerInfo]) -> list[LayerInfo]:
    """Take away aliases that stand for more than one layer."""
    total = Counter(name for layer in layers for name in (layer.name, *layer.aliases))
    return [
        replace(layer, aliases=tuple(alias for alias in layer.aliases if total[alias] == 1))
        for layer in layers
    ]
