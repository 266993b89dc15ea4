"""A map of values to look at closely: zoom, the value under the pointer, a color bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import panel as pn
from bokeh.events import Tap
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    CustomJS,
    HoverTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    Rect,
    WheelZoomTool,
)
from bokeh.palettes import Viridis256
from bokeh.plotting import figure
from numpy.typing import NDArray

from nnlens.ui.core.session import Session
from nnlens.ui.look.palette import TOKENS, diverging
from nnlens.ui.look.parts import FILL
from nnlens.ui.look.plots import bare
from nnlens.ui.look.theme import static

Floats = NDArray[np.float32]
TOOLTIP = '<div style="font:11px/16px Roboto,sans-serif">{place} <b>@value{{0.[0000]}}</b></div>'
PLACE = "row @row · column @column"
UNIT = "unit @unit"


class Heatmap:
    """Values on a plane in a plot that zooms by the wheel, pans by a drag and comes back by a double click.

    Parameters
    ----------
    session : Session
    label : str
        What a screen reader calls it.
    pick : callable, optional
        Gets the number of the cell that was clicked, row by row.
    bar : {"right", "below"}
        Where the color bar stands.
    **layout
        Of the pane.
    """

    def __init__(
        self,
        session: Session,
        label: str,
        pick: Callable[[int], Any] | None = None,
        bar: str = "right",
        **layout: Any,
    ) -> None:
        self.session = session
        self._pick = pick
        self._values: Floats = np.zeros((1, 1), np.float32)
        self._units = 0
        self._source = ColumnDataSource({name: [] for name in COLUMNS})
        self._marked = ColumnDataSource({"x": [], "y": []})
        self._mapper = LinearColorMapper(palette=Viridis256, low=0, high=1, nan_color="rgba(0, 0, 0, 0)")
        self._home = ColumnDataSource({"width": [1], "height": [1]})
        self.figure = self._build(label, bar, {**FILL, **layout})
        self.view = pn.pane.Bokeh(self.figure, **{**FILL, **layout})
        session.param.watch(session.guard(lambda _: self._paint()), "theme")

    def show(self, values: Floats, units: int = 0) -> None:
        """Show values, dims (y, x); of a flat layer's units the cells beyond the last one are no units."""
        if values.shape == self._values.shape and np.array_equal(values, self._values, equal_nan=True):
            return
        moved = values.shape != self._values.shape
        self._values, self._units = values, units
        rows, columns = values.shape
        row, column = np.indices(values.shape)
        made = {"value": values, "row": row, "column": column, "unit": row * columns + column}
        with pn.io.hold():
            self._hover.tooltips = TOOLTIP.format(place=UNIT if units else PLACE)
            # Bokeh puts the first row of an array at the bottom
            self._source.data = {name: [array[::-1]] for name, array in made.items()} | {
                "dw": [columns],
                "dh": [rows],
            }
            self._paint()
            if moved:
                self._home.data = {"width": [columns], "height": [rows]}

    def mark(self, cell: int | None) -> None:
        """Frame a cell, given by its number row by row; None frames none."""
        rows, columns = self._values.shape
        there = [] if cell is None or cell >= self._values.size else [cell]
        self._marked.data = {
            "x": [c % columns + 0.5 for c in there],
            "y": [rows - c // columns - 0.5 for c in there],
        }

    def _build(self, label: str, bar: str, layout: Mapping[str, Any]) -> Any:
        made = figure(
            x_range=Range1d(0, 1), y_range=Range1d(0, 1), toolbar_location=None, tools="", min_height=40, min_width=40,
            **{key: layout[key] for key in ("sizing_mode", "width", "height") if key in layout},
        )  # fmt: skip
        bare(made)
        made.axis.visible = made.grid.visible = False
        image = made.image(
            image="value", x=0, y=0, dw="dw", dh="dh", source=self._source, color_mapper=self._mapper,
        )  # fmt: skip
        # dark and light, so that it is seen on all colors
        for color, line in (("#000000", 4), ("#FFFFFF", 2)):
            made.add_glyph(
                self._marked,
                Rect(x="x", y="y", width=1, height=1, fill_alpha=0, line_width=line, line_color=color),
            )
        self._hover = HoverTool(
            renderers=[image], tooltips=TOOLTIP.format(place=PLACE), point_policy="follow_mouse"
        )
        wheel, pan = WheelZoomTool(), PanTool()
        made.add_tools(self._hover, wheel, pan)
        made.toolbar.active_scroll = wheel
        self._bar = ColorBar(
            color_mapper=self._mapper, ticker=BasicTicker(desired_num_ticks=4), padding=0, label_standoff=4,
            major_label_text_font_size="10px", major_tick_line_color=None, background_fill_alpha=0,
            border_line_color=None, bar_line_color=None, margin=8,
            **({"width": 8} if bar == "right" else {"height": 8}),
        )  # fmt: skip
        made.add_layout(self._bar, bar)
        script = CustomJS(args={"figure": made, "home": self._home, "label": label}, code=static("heat.js"))
        for name in ("inner_width", "inner_height"):
            made.js_on_change(name, script)
        self._home.js_on_change("data", script)
        for event in ("doubletap", "mouseenter"):
            made.js_on_event(event, script)
        if self._pick is not None:
            made.on_event(Tap, self.session.guard(self._tapped))
        self._paint_frame(made)
        return made

    def _tapped(self, event: Tap) -> None:
        rows, columns = self._values.shape
        column, row = int(np.floor(event.x)), rows - 1 - int(np.floor(event.y))
        cell = row * columns + column
        if (
            self._pick is not None
            and 0 <= row < rows
            and 0 <= column < columns
            and cell < (self._units or rows * columns)
        ):
            self._pick(cell)

    def _paint(self) -> None:
        """Color by the theme: signed values about zero, others from their lowest to their highest."""
        finite = self._values[np.isfinite(self._values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if low < 0:
            top = max(-low, high) or 1.0
            self._mapper.update(palette=list(diverging(self.session.theme, 255)), low=-top, high=top)
        else:
            self._mapper.update(palette=Viridis256, low=low, high=high if high > low else low + 1)
        self._paint_frame(self.figure)

    def _paint_frame(self, made: Any) -> None:
        tokens = TOKENS[self.session.theme]
        self._bar.update(major_label_text_color=tokens["ink2"])
        made.background_fill_color = tokens["surface"]


COLUMNS = ("value", "row", "column", "unit", "dw", "dh")
