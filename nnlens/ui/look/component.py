"""What our own components have in common."""

from __future__ import annotations

from panel.custom import JSComponent
from panel.reactive import ReactiveCustomBase


class Component(JSComponent):
    """A component whose properties the server alone writes; a browser answers with messages.

    Panel takes every property back from the browser. What the server changes while it holds its messages back looks
    to it like an answer, and is written once more when it was overtaken, without the browser being told; and whoever
    sits behind the connection could write markup.
    """

    __abstract = True

    @property
    def _linked_properties(self) -> tuple[str, ...]:
        return ()


def kinds() -> frozenset[type]:
    """All kinds of components that a page loaded by now is told of, ours, Panel's, and those of plugins."""
    found: set[type] = set()
    new = [ReactiveCustomBase]
    while new:
        found.update(new)
        new = [kind for parent in new for kind in parent.__subclasses__() if kind not in found]
    return frozenset(found)
