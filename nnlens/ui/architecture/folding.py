"""What of a deep network is folded into one box: blocks of branches, a layer with what only follows it, equal names.

Every group has one way out, its last layer, so that folding any of them leaves a network in which nothing turns back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from nnlens.models.base import LayerInfo
from nnlens.schema import INPUT
from nnlens.ui.architecture.graph import Edge, edges_of, spans
from nnlens.ui.architecture.naming import block_title, words_of

MINOR = re.compile(
    r"batch_?norm|norm(alization)?$|relu|elu$|gelu|silu|swish|mish|sigmoid|tanh|softmax|softplus|hardtanh|activation"
    r"|dropout|identity|flatten|reshape|rescaling|padding|^add$|^mul(tiply)?$|^concat|select",
    re.IGNORECASE,
)
"""Kinds that are drawn as bars: they change values or their order, and have no or few weights."""
MOST = 0.5
"""Share of the network's stretches above which a common name is no group: folding it would leave nothing to see."""


@dataclass(frozen=True)
class Leaf:
    """A layer."""

    layer: LayerInfo

    @property
    def key(self) -> str:
        """Its name."""
        return self.layer.name

    @property
    def leaves(self) -> tuple[LayerInfo, ...]:
        """Itself."""
        return (self.layer,)

    @property
    def last(self) -> LayerInfo:
        """The layer whose output leaves."""
        return self.layer


@dataclass(frozen=True)
class Group:
    """Layers that can be drawn as one box.

    Attributes
    ----------
    key : str
        Unlike any layer's name.
    title : str
    kind : {"unit", "block", "stage"}
        A layer with what only follows it, a stretch with branches, or what has a common name.
    parts : tuple of Leaf or Group
        In order of execution.
    """

    key: str
    title: str
    kind: str
    parts: tuple[Leaf | Group, ...]

    @property
    def leaves(self) -> tuple[LayerInfo, ...]:
        """All layers in it."""
        return tuple(layer for part in self.parts for layer in part.leaves)

    @property
    def last(self) -> LayerInfo:
        """The layer whose output leaves."""
        return self.parts[-1].last

    @property
    def face(self) -> LayerInfo:
        """The layer that stands for it: the one it is called by, else the last."""
        return self.parts[0].last if self.kind == "unit" else self.last


Part = Leaf | Group


def face_of(part: Part) -> LayerInfo:
    """Return the layer that stands for a box."""
    return part.layer if isinstance(part, Leaf) else part.face


def is_minor(layer: LayerInfo) -> bool:
    """Whether a layer is drawn as a bar."""
    return bool(MINOR.search(layer.kind))


def grouped(layers: Sequence[LayerInfo]) -> tuple[Part, ...]:
    """Find all that can be folded, groups within groups.

    Parameters
    ----------
    layers : sequence of LayerInfo
        As `graph_of` gives them.
    """
    edges = edges_of(layers)
    known = {layer.name: layer for layer in layers}
    feeds, fed = _ways(edges)
    parts: list[Part] = []
    for span in spans([layer.name for layer in layers], edges):
        end: Part = Leaf(known[span.end])
        if span.inside:
            inside = _units([known[name] for name in span.inside], feeds, fed)
            end = _block((*inside, end))
        parts.append(end)
    chained = _chained(parts, feeds, fed)
    return tuple(_stages(chained, 0, len(chained)))


def _ways(edges: Sequence[Edge[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    feeds: dict[str, list[str]] = defaultdict(list)
    fed: dict[str, list[str]] = defaultdict(list)
    for source, end in edges:
        feeds[source].append(end)
        fed[end].append(source)
    return feeds, fed


def _follows(part: Part, layer: LayerInfo, feeds: dict[str, list[str]], fed: dict[str, list[str]]) -> bool:
    """Whether a minor layer takes nothing but what leaves a part, and is the only one to take it."""
    last = part.last.name
    return is_minor(layer) and fed[layer.name] == [last] and feeds[last] == [layer.name]


def _units(
    layers: Sequence[LayerInfo], feeds: dict[str, list[str]], fed: dict[str, list[str]]
) -> tuple[Part, ...]:
    """Join what only follows a layer to it, wherever it stands in the order; sorted by what leaves."""
    chains: list[list[Leaf]] = []
    for layer in layers:
        before = next((chain for chain in chains if _follows(chain[-1], layer, feeds, fed)), None)
        if before is None:
            chains.append([Leaf(layer)])
        else:
            before.append(Leaf(layer))
    place = {layer.name: at for at, layer in enumerate(layers)}
    return tuple(sorted(map(_unit, chains), key=lambda part: place[part.last.name]))


def _unit(chain: Sequence[Leaf]) -> Part:
    if len(chain) == 1:
        return chain[0]
    head = chain[0].key
    return Group(f"unit {head}", head, "unit", tuple(chain))


def _block(parts: tuple[Part, ...]) -> Group:
    group = Group("", "", "block", parts)
    names = [layer.name for layer in group.leaves]
    return Group(f"block {names[0]}", block_title(group.leaves), "block", parts)


def _chained(parts: Sequence[Part], feeds: dict[str, list[str]], fed: dict[str, list[str]]) -> list[Part]:
    """Join minor layers of a chain to what they follow: to a layer or to a block."""
    found: list[Part] = []
    for part in parts:
        before = found[-1] if found else None
        if before is None or not isinstance(part, Leaf) or not _follows(before, part.layer, feeds, fed):
            found.append(part)
        elif isinstance(before, Group) and before.kind == "block":
            found[-1] = _block((*before.parts, part))
        elif isinstance(before, Group):
            found[-1] = _unit([*_leaves(before), part])
        elif is_minor(before.layer) or not before.layer.inputs:
            found.append(part)
        else:
            found[-1] = _unit([before, part])
    return found


def _leaves(group: Group) -> list[Leaf]:
    return [Leaf(layer) for layer in group.leaves]


def _stages(parts: Sequence[Part], depth: int, total: int) -> Iterator[Part]:
    """Gather neighbors whose names begin alike, the shorter beginnings outside."""
    for run in _runs(parts, lambda part: _beginning(part, depth)):
        title = _beginning(run[0], depth)
        if len(run) == 1 or depth > 8:
            yield from run
        elif len(run) > max(MOST * total, 1):
            yield from _stages(run, depth + 1, total)
        else:
            inner = tuple(_stages(run, depth + 1, total))
            key = f"stage {run[0].leaves[0].name}"
            only = len(inner) == 1 and isinstance(inner[0], Group) and inner[0].kind == "stage"
            yield inner[0] if only else Group(key, title, "stage", inner)


def title_of(part: Part) -> str:
    """Return what a box is called; the image by a word."""
    title = part.title if isinstance(part, Group) else part.key
    return "input" if title == INPUT else title


def _beginning(part: Part, depth: int) -> str:
    return "".join(words_of(title_of(part))[: depth + 1]).rstrip("._/")


def _runs(parts: Sequence[Part], begins: Callable[[Part], str]) -> Iterator[list[Part]]:
    run: list[Part] = []
    for part in parts:
        if run and begins(part) != begins(run[-1]):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def groups_in(parts: Sequence[Part]) -> Iterator[Group]:
    """Yield all groups, the outer ones first."""
    for part in parts:
        if isinstance(part, Group):
            yield part
            yield from groups_in(part.parts)


def shown(parts: Sequence[Part], folded: Collection[str]) -> list[Part]:
    """Return what is drawn as a box: folded groups, and layers outside of any; each feeds only later ones."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Group) and part.key not in folded:
            found += shown(part.parts, folded)
        else:
            found.append(part)
    return found


def shown_edges(boxes: Sequence[Part], edges: Sequence[Edge[str]]) -> list[Edge[str]]:
    """Return the edges between boxes, each once: those between their layers."""
    box = {layer.name: part.key for part in boxes for layer in part.leaves}
    return list(dict.fromkeys((box[a], box[b]) for a, b in edges if box[a] != box[b]))


def fold_to_fit(
    parts: Sequence[Part],
    width_of: Callable[[frozenset[str]], float],
    most: float,
    first: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Choose what to fold so that a network is no wider than `most`: beside `first` as little as does it.

    Layers with what only follows them, then blocks, then what has a common name, the inner before the outer.
    """
    groups = list(groups_in(parts))
    steps = [[], *([g.key for g in groups if g.kind == kind] for kind in ("unit", "block"))]
    stages = [g for g in groups if g.kind == "stage"]
    depth = {g.key: sum(g in groups_in([o]) for o in stages) for g in stages}
    steps += [
        [key for key, at in depth.items() if at == level] for level in sorted({*depth.values()}, reverse=True)
    ]
    folded = first
    for step in steps:
        folded |= frozenset(step)
        if width_of(folded) <= most:
            break
    return folded
