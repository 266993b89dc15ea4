"""A line of text whose words are completed while it is written: by keyboard or pointer, as an ARIA combobox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from nnlens.ui.look.component import Component
from nnlens.ui.look.theme import static

Offered = dict[str, Any]
"""``start``, ``end``: what is replaced; ``offers``: a list of ``insert``, ``kind`` and maybe ``whole``."""


class Combobox(Component):
    """A line of text, taken as it stood when enter was pressed, that nobody but its owner writes into.

    Parameters
    ----------
    taken : callable
        Gets the text.
    offered : callable
        Text and place of the caret → what may come next.
    guard : callable
        Wraps both, so that their errors are told: `Session.guard`.
    """

    label = param.String(default="", doc="What the line is for; read out by screen readers.")
    placeholder = param.String(default="", doc="What stands in the empty line.")
    max_length = param.Integer(default=1000, doc="Letters that the line takes.")
    offers = param.Dict(default={}, doc="What may come next, with the number of the question.")
    written = param.Dict(default={}, doc="A text that was put into the line, with a number.")

    _esm = static("combobox.js")

    def __init__(
        self,
        taken: Callable[[str], Any],
        offered: Callable[[str, int], Offered],
        guard: Callable[[Any], Any] = lambda action: action,
        **params: Any,
    ) -> None:
        sheets = [static("base.css"), static("combobox.css")]
        super().__init__(stylesheets=sheets, margin=0, height=28, sizing_mode="stretch_width", **params)
        self.value = ""
        self._taken, self._offered, self._guard = taken, offered, guard

    def write(self, text: str) -> None:
        """Put a text into the line, in place of what is typed there."""
        self.value = text
        self.written = {"text": text, "turn": self.written.get("turn", 0) + 1}

    def _handle_msg(self, data: Any) -> None:
        """Take what a browser sent, which may be anything."""
        self._guard(self._heard)(data)

    def _heard(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        if isinstance(text := data.get("enter"), str):
            self.value = text[: self.max_length]
            self._taken(self.value)
        elif isinstance(text := data.get("text"), str) and isinstance(caret := data.get("caret"), int):
            self.offers = {"ask": data.get("ask"), **self._offered(text[: self.max_length], caret)}
