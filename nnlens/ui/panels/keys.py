"""The keys that work everywhere but while typing, and what the page says when it loses the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import param

from nnlens.ui.look.component import Component
from nnlens.ui.look.theme import static

HELP: tuple[tuple[str, str], ...] = (
    ("j  k", "next and previous of the wrong samples in the selection"),
    ("p", "pin the sample to the pool, or let go of it"),
    ("page up  down", "turn the pages of pool and ranking"),
    ("esc", "leave a field, close what lies over the page, or clear the selection"),
    ("ctrl z", "undo the last selection"),
    ("shift ctrl z", "redo it"),
    ("/", "write a filter"),
    ("?", "this help"),
    ("arrows", "within a row of layers, classes, pictures, tabs"),
    ("enter", "take what has the ring"),
)
POINTER: tuple[tuple[str, str], ...] = (
    ("rest", "on a point: look at the sample for as long"),
    ("click", "a point, a picture or a row: inspect the sample"),
    ("drag", "a lasso on a map, a range of the loss"),
    ("shift drag", "a box on a map"),
    ("ctrl click", "a point, a card: pin it to the pool"),
    ("ctrl, alt drag", "add to the selection, take from it"),
    ("wheel", "zoom a map"),
    ("double click", "show all of a map, or a class alone"),
    ("shift click", "a layer: show it on map B"),
)


class Keys(Component):
    """Listens to the keyboard.

    Parameters
    ----------
    actions : mapping of str to callable
        By name: ``next``, ``previous``, ``clear``, ``pin``, ``help``, ``undo``, ``redo``.
    guard : callable
        Wraps each action, so that its errors are told: `Session.guard`.
    """

    keys = param.Dict(
        default={"j": "next", "k": "previous", "p": "pin", "Escape": "clear", "?": "help"},
        doc="Key to the name of its action.",
    )
    filter = param.String(default="input[placeholder^=Filter]", doc="Where the slash goes.")

    _esm = static("keys.js")

    def __init__(self, actions: Mapping[str, Callable[[], Any]], guard: Callable[[Any], Any]) -> None:
        super().__init__(width=0, height=0, margin=0, sizing_mode="fixed")
        self._actions = {name: guard(action) for name, action in actions.items()}

    def reload(self) -> None:
        """Have the browser load the page again."""
        self._send_msg("reload")

    def _handle_msg(self, data: Any) -> None:
        action = self._actions.get(str(data))
        if action is not None:
            action()
