"""What a person does in a plot, as one message each: a lasso, a box, a resting pointer, another view.

HoloViews' streams poll: a gesture waits 10 ms, a new range at least 100, and they do not carry the keys held. So
HoloViews draws, and this listens to Bokeh itself. A message is JSON in a column source: one assignment is one message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bokeh.events import (
    MouseEnter,
    MouseLeave,
    MouseMove,
    Pan,
    PanEnd,
    PanStart,
    PointEvent,
    SelectionGeometry,
)
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CustomJS,
    LassoSelectTool,
    PanTool,
    Plot,
    WheelZoomTool,
)

from nnlens.state import Mode
from nnlens.ui.look.palette import TOKENS, Theme
from nnlens.ui.look.theme import static

Handler = Callable[[Any], Any]
REST = 150
"""Milliseconds a pointer rests before it counts as hovering."""


class Gestures:
    """The gestures of one plot.

    Parameters
    ----------
    figure : Plot
        Bokeh's plot, as HoloViews made it.
    handlers : mapping of str to callable
        By kind, what to do with a message: ``lasso`` ({"mode", "corners": [[x, y], …]}), ``box`` ({"mode", "box": [x0,
        y0, x1, y1]}), ``hover`` ([x, y] or None), ``screen`` ([x0, y0, x1, y1, width, height]), ``turn`` ({"by":
        pixels to the right and up, "rest": whether it has come to rest, "front": whether to turn back}). They must
        not raise.
    label : str
        What a screen reader calls the plot.
    zoom : bool
        Whether there are a lasso, panning and wheel zoom, at one scale in x and y; else only a box over x.
    mode : str
        What a drag does at first, as of `choose`.
    plane : bool
        Whether without zoom the box goes over x and y, a pointer rests on samples, and the size is told.
    """

    def __init__(
        self,
        figure: Plot,
        handlers: Mapping[str, Handler],
        label: str,
        zoom: bool,
        *,
        mode: str = "lasso",
        plane: bool = False,
    ) -> None:
        plane = plane or zoom
        self._handlers = handlers
        self.wire = ColumnDataSource({"kind": [], "body": [], "n": []})
        self.order = ColumnDataSource({"mode": [mode], "n": [0]})
        # nothing to hit in the browser: which samples a drag takes is decided on the server, from all of them
        self.box = BoxSelectTool(renderers=[], dimensions="both" if plane else "width")
        self.lasso = LassoSelectTool(renderers=[]) if zoom else None
        pan = PanTool() if zoom else None
        wheel = WheelZoomTool() if zoom else None
        figure.add_tools(*(tool for tool in (self.lasso, self.box, pan, wheel) if tool is not None))
        tools = {"box": self.box, "lasso": self.lasso, "pan": pan}
        figure.toolbar.active_drag = None if mode == "turn" else tools[mode] or self.box
        figure.toolbar.active_scroll = wheel
        args = {
            "figure": figure,
            "wire": self.wire,
            "order": self.order,
            **tools,
            "equal": zoom,
            "delay": REST,
            "label": label,
        }
        self._hang(figure, CustomJS(args=args, code=static("figure.js")), zoom, plane)
        self.wire.on_change("data", self._heard)

    def _hang(self, figure: Plot, script: CustomJS, zoom: bool, plane: bool) -> None:
        """Call the script for all that it hears of."""
        for event in (
            MouseEnter,
            MouseLeave,
            PanStart,
            PanEnd,
            SelectionGeometry,
            *([MouseMove] if plane else []),
            *([Pan] if zoom else []),
        ):
            figure.js_on_event(event, script)
        self.order.js_on_change("data", script)
        if plane:
            for name in ("inner_width", "inner_height"):
                figure.js_on_change(name, script)
        if zoom:
            for end in ("start", "end"):
                figure.x_range.js_on_change(end, script)
                figure.y_range.js_on_change(end, script)

    def choose(self, mode: str) -> None:
        """Choose what a drag does: ``lasso``, ``box``, ``pan`` or ``turn``."""
        self.order.data = {"mode": [mode], "n": self.order.data["n"]}

    def answer(self) -> None:
        """Say that a turn is drawn, so that the next one is sent: no more than one is ever on its way."""
        self.order.data = {"mode": self.order.data["mode"], "n": [self.order.data["n"][0] + 1]}

    def paint(self, theme: Theme) -> None:
        """Draw lasso and box, while they are drawn, in the color of the selection."""
        accent = TOKENS[theme]["accent"]
        line = {"line_color": accent, "line_width": 1.5, "line_alpha": 1, "line_dash": []}
        for tool in (self.box, self.lasso):
            if tool is not None:
                tool.overlay.update(fill_color=accent, fill_alpha=0.07, **line)

    def _heard(self, attribute: str, old: Any, new: Mapping[str, Any]) -> None:
        del attribute, old
        handler = self._handlers.get(str(new["kind"][0])) if len(new.get("kind", ())) else None
        if handler is not None:
            handler(json.loads(new["body"][0]))


def held(event: PointEvent, shift_adds: bool = False) -> Mode:
    """Read from the keys held in a click what to do with the samples already selected.

    Parameters
    ----------
    event : PointEvent
        Bokeh's, of a tap.
    shift_adds : bool
        Whether shift adds as ctrl does, where it has no other meaning.
    """
    keys = event.modifiers or {}
    if keys.get("ctrl") or (shift_adds and keys.get("shift")):
        return "add"
    return "remove" if keys.get("alt") else "replace"
