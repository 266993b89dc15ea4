"""What is drawn of a network: its groups, what of them is folded, and where it all stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from nnlens.models.base import LayerInfo
from nnlens.ui.architecture import boxes, folding
from nnlens.ui.architecture.folding import Group, Part
from nnlens.ui.architecture.graph import edges_of
from nnlens.ui.architecture.layout import arrange
from nnlens.ui.architecture.placed import Layout

ROOM = 1200.0
"""Pixels that the strip has at 1440: what is wider is folded."""
READABLE = 10.5
"""Pixels of a face of one value within a frame: only rows that are too low make smaller ones."""


class Scene:
    """A network, folded.

    Parameters
    ----------
    layers : sequence of LayerInfo
        As `graph_of` gives them.

    Attributes
    ----------
    parts : tuple of Leaf or Group
    folded : frozenset of str
        Keys of the groups that are one box each.
    """

    def __init__(self, layers: Sequence[LayerInfo], room: float = ROOM) -> None:
        self.layers = layers
        self.edges = edges_of(layers)
        self.parts = folding.grouped(layers)
        self._top = boxes.largest(layers)
        self._layouts: dict[frozenset[str], Layout] = {}
        self.folded = folding.fold_to_fit(
            self.parts, lambda folded: self._layout(folded).width, room, self._crowded()
        )
        self._opened = self.folded

    def number(self, key: str) -> int | None:
        """Return the number of a group in the network; None of what is no group."""
        return next((at for at, each in enumerate(self.groups) if each == key), None)

    def turn(self, numbers: Iterable[int]) -> list[int]:
        """Fold or unfold the groups of these numbers, all others as at first; return those that there are."""
        keys = list(self.groups)
        there = sorted({number for number in numbers if 0 <= number < len(keys)})
        self.folded = self._opened ^ {keys[number] for number in there}
        return there

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """All groups by key."""
        return {group.key: group for group in folding.groups_in(self.parts)}

    @property
    def shown(self) -> list[Part]:
        """What is a box."""
        return folding.shown(self.parts, self.folded)

    @property
    def layout(self) -> Layout:
        """Where everything stands."""
        return self._layout(self.folded)

    @property
    def open(self) -> list[Group]:
        """Groups that are not folded, nor in a folded one, the outer ones first; within a frame only units."""
        framed = {inner.key for group in self.frames for inner in folding.groups_in(group.parts)}
        found = _open(self.parts, self.folded)
        return [group for group in found if group.kind == "unit" or group.key not in framed]

    @property
    def frames(self) -> list[Group]:
        """Open groups that have words of their own, in place of their boxes."""
        return _frames(self.parts, self.folded)

    def labelled(self, folded: frozenset[str] | None = None) -> frozenset[str]:
        """Return the boxes that have words below them: all outside of frames, but for bars."""
        chosen = self.folded if folded is None else folded
        framed = self._framed(chosen)
        parts = folding.shown(self.parts, chosen)
        return frozenset(part.key for part in parts if not (boxes.is_bar(part) or part.last.name in framed))

    def _crowded(self) -> frozenset[str]:
        """Return blocks of so many branches that their faces could not be read."""
        layout = self._layout(frozenset())
        small = {
            layer.name
            for layer in self.layers
            if layer.spatial and not folding.is_minor(layer) and layout.boxes[layer.name].height < READABLE
        }
        blocks = (group for group in self.groups.values() if group.kind == "block")
        return frozenset(block.key for block in blocks if small & {layer.name for layer in block.leaves})

    def _framed(self, folded: frozenset[str]) -> frozenset[str]:
        return frozenset(layer.name for group in _frames(self.parts, folded) for layer in group.leaves)

    def _layout(self, folded: frozenset[str]) -> Layout:
        if folded not in self._layouts:
            parts = folding.shown(self.parts, folded)
            words, framed = self.labelled(folded), self._framed(folded)
            sizes = [
                boxes.size_of(part, self._top, part.key in words, part.last.name in framed) for part in parts
            ]
            self._layouts[folded] = arrange(sizes, folding.shown_edges(parts, self.edges))
        return self._layouts[folded]


def _open(parts: Sequence[Part], folded: frozenset[str]) -> list[Group]:
    found: list[Group] = []
    for part in parts:
        if isinstance(part, Group) and part.key not in folded:
            found += [part, *_open(part.parts, folded)]
    return found


def _frames(parts: Sequence[Part], folded: frozenset[str]) -> list[Group]:
    """Return open blocks, with what has the same name before them."""
    found: list[Group] = []
    for part in parts:
        if isinstance(part, Group) and part.key not in folded:
            found += [part] if _is_framed(part) else _frames(part.parts, folded)
    return found


def _is_framed(group: Group) -> bool:
    blocks = [part for part in group.parts if isinstance(part, Group) and part.kind == "block"]
    return group.kind == "block" or (group.kind == "stage" and len(blocks) == 1 and len(group.parts) <= 3)
