"""The tour: five steps over the page on the first visit of a browser, and whenever it is asked for."""

from __future__ import annotations

from typing import Any

import param

from nnlens.ui.look.component import Component
from nnlens.ui.look.theme import static


class Tour(Component):
    """Points at one part of the page after the other.

    It lies beside what it tells of, takes no click and no key but its own, and comes of itself but once: the browser
    keeps that in its local storage.

    Parameters
    ----------
    scored : bool
        Whether a network predicted the samples: else there is no loss to speak of.
    """

    steps = param.List(default=[], doc="For each step a CSS selector, a title and a text.")

    _esm = static("tour.js")

    def __init__(self, scored: bool = True) -> None:
        sheets = [static("base.css"), static("tour.css")]
        super().__init__(
            steps=_steps(scored), stylesheets=sheets, width=0, height=0, margin=0, sizing_mode="fixed"
        )

    def begin(self) -> None:
        """Show it from its first step on."""
        self._send_msg("begin")


def _steps(scored: bool) -> list[dict[str, Any]]:
    brush = (
        "brush the loss, click a cell of the confusion, or write a filter" if scored else "or write a filter"
    )
    panels = "Loss, confusion, table, pictures and channels" if scored else "Table, pictures and neighbors"
    told = [
        (
            ".area-a, .area-b",
            "Two maps",
            "Each point is a sample, where a layer of the network puts it. Drag a lasso around some, or click one.",
        ),
        (
            ".line.cap > span, .pill",
            "One selection",
            f"What is selected is told here, and every panel follows it. You can also {brush}; esc clears it.",
        ),
        (
            ".area-i",
            "One sample",
            "The sample in focus: what the network says, why, and what is like it. Press j for the worst one.",
        ),
        (
            ".area-x",
            "The network",
            "A click on a layer shows it on map A, with shift on map B.",
        ),
        (
            ".area-t",
            "All the rest",
            f"{panels}, each over the whole width in its tab. Press ? for the keys, and for this tour.",
        ),
    ]
    return [{"at": at, "title": title, "text": text} for at, title, text in told]
