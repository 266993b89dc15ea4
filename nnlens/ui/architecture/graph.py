"""A network as boxes and lines: which layer feeds which, and where all of it passes through one layer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from nnlens.models.base import LayerInfo
from nnlens.schema import INPUT

Node = TypeVar("Node", bound=Hashable)
Edge = tuple[Node, Node]

KIND_OF_INPUT = "image"


@dataclass(frozen=True)
class Span(Generic[Node]):
    """A stretch of a network that everything passes through at its end.

    Attributes
    ----------
    inside : tuple
        What lies between the end before and this one, in order of execution; empty in a plain chain.
    end : hashable
        The node that all paths pass through.
    """

    inside: tuple[Node, ...]
    end: Node


def graph_of(layers: Sequence[LayerInfo], pixels: tuple[int, ...]) -> list[LayerInfo]:
    """Return the layers with the image before them, and only those inputs that come earlier.

    Parameters
    ----------
    layers : sequence of LayerInfo
        In order of execution.
    pixels : tuple of int
        Shape of the image, (channel, y, x); empty where there is none.
    """
    known: set[str] = set()
    found: list[LayerInfo] = []
    if pixels or any(INPUT in layer.inputs for layer in layers):
        found.append(LayerInfo(INPUT, KIND_OF_INPUT, pixels, capturable=bool(pixels)))
        known.add(INPUT)
    for layer in layers:
        if layer.name not in known:
            inputs = tuple(dict.fromkeys(name for name in layer.inputs if name in known))
            found.append(
                LayerInfo(
                    layer.name,
                    layer.kind,
                    layer.shape,
                    layer.parameters,
                    inputs,
                    layer.capturable,
                    layer.aliases,
                )
            )
            known.add(layer.name)
    return found


def edges_of(layers: Sequence[LayerInfo]) -> list[Edge[str]]:
    """Return every pair of a layer and one that it feeds."""
    return [(source, layer.name) for layer in layers for source in layer.inputs]


def spans(order: Sequence[Node], edges: Sequence[Edge[Node]]) -> list[Span[Node]]:
    """Cut a network at the nodes that everything passes through.

    In a topological order these are the nodes that no edge jumps over: a path that avoids a node must.

    Parameters
    ----------
    order : sequence
        Nodes; each edge goes from an earlier to a later one.
    edges : sequence of pairs
    """
    place = {node: at for at, node in enumerate(order)}
    reach = [at for at, _ in enumerate(order)]
    for source, end in edges:
        reach[place[source]] = max(reach[place[source]], place[end])
    found: list[Span[Node]] = []
    inside: list[Node] = []
    furthest = -1
    for at, node in enumerate(order):
        if furthest <= at:
            found.append(Span(tuple(inside), node))
            inside = []
        else:
            inside.append(node)
        furthest = max(furthest, reach[at])
    return found
