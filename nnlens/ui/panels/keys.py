"""The keys that work everywhere but while typing, and what the page says when it loses the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import param
from panel.custom import JSComponent

from nnlens.ui.look.theme import static

HELP: tuple[tuple[str, str], ...] = (
    ("j  k", "next and previous of the wrong samples in the selection"),
    ("esc", "clear the selection, or leave a field"),
    ("ctrl z", "undo the last selection"),
    ("shift ctrl z", "redo it"),
    ("/", "write a filter"),
    ("?", "these keys"),
    ("tab, arrows, enter", "walk layers, classes, pictures; take one"),
    ("drag", "lasso on a map; a range of the loss"),
    ("shift drag", "box on a map"),
    ("ctrl, alt", "while dragging: add to the selection, take from it"),
    ("wheel, double click", "zoom a map, show all of it"),
)


class Keys(JSComponent):
    """Listens to the keyboard.

    Parameters
    ----------
    actions : mapping of str to callable
        By name: ``next``, ``previous``, ``clear``, ``help``, ``undo``, ``redo``.
    guard : callable
        Wraps each action, so that its errors are told: `Session.guard`.
    """

    keys = param.Dict(
        default={"j": "next", "k": "previous", "Escape": "clear", "?": "help"},
        doc="Key to the name of its action.",
    )
    filter = param.String(default="input[placeholder^=Filter]", doc="Where the slash goes.")

    _esm = static("keys.js")

    def __init__(self, actions: Mapping[str, Callable[[], Any]], guard: Callable[[Any], Any]) -> None:
        super().__init__(width=0, height=0, margin=0, sizing_mode="fixed")
        self._actions = {name: guard(action) for name, action in actions.items()}

    def _handle_msg(self, data: Any) -> None:
        action = self._actions.get(str(data))
        if action is not None:
            action()
