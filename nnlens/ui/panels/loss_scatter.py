"""The scatter of the loss: one picture of all samples, by their loss and another column, drawn once and pushed into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.events import DoubleTap, PointEvent, Tap
from bokeh.models import BasicTicker, ColumnDataSource, LinearColorMapper, Plot, Scatter

from nnlens.state import Mask
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.session import Session
from nnlens.ui.look.palette import CLEAR, TOKENS
from nnlens.ui.look.plots import FLAT, bare, picture, ticks
from nnlens.ui.look.weakly import weakly
from nnlens.ui.maps.gestures import Gestures
from nnlens.ui.maps.marks import RING, TOP, padded
from nnlens.ui.panels import spread
from nnlens.ui.panels.histogram import power
from nnlens.ui.panels.spread import Spread

REACH = 16
"""Pixels from a sample at which a click still means it."""
SIGN = 4.8
"""Pixels of a sign of a class' name; names that would touch are slanted."""


class LossScatter(Hideable):
    """All samples by loss and a column; a drag selects a box, a click inspects the nearest sample.

    Parameters
    ----------
    session : Session
        Whose selection and focus it writes and follows.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.spread = Spread.of(session.data, first_column(session))
        self.size: tuple[int, int] | None = None
        self._pane: pn.pane.HoloViews | None = None
        self._figure: Plot | None = None
        self._source: ColumnDataSource | None = None
        self._gestures: Gestures | None = None
        self._mapper = LinearColorMapper(palette=[CLEAR], low=0, high=TOP)
        self._drawn: tuple[str, bool] | None = None
        self._ring = ColumnDataSource({"x": [], "y": []})
        self._halo = Scatter(size=RING, fill_alpha=0, line_width=5)
        self._edge = Scatter(size=RING, fill_alpha=0, line_width=2.5)
        session.hub.register("loss scatter", self._push)
        session.hub.register("loss scatter", self._put_ring, "focus")
        session.param.watch(session.guard(lambda _: self.paint()), "theme")

    def _came(self) -> None:
        self.paint()

    def panel(self) -> pn.pane.HoloViews:
        """Build the plot, the same one each time; stretches in both directions."""
        if self._pane is None:
            x0, y0, x1, y1 = self.spread.view
            image = hv.Image(np.zeros((1, 1), np.uint8), bounds=self.spread.view, vdims="place")
            plot = image.opts(**FLAT, clim=(0, TOP), xlim=(x0, x1), ylim=(y0, y1), hooks=[weakly(self._hook)])
            self._pane = picture(plot)
        return self._pane

    def show(self, column: str) -> None:
        """Have another column stand across."""
        self.spread = Spread.of(self.session.data, column)
        if self._figure is None or self._source is None:
            return
        x0, y0, x1, y1 = self.spread.view
        with pn.io.hold():
            self._figure.x_range.update(start=x0, end=x1)
            self._figure.y_range.update(start=y0, end=y1)
            self._source.data.update(x=[x0], y=[y0], dw=[x1 - x0], dh=[y1 - y0])
            self._write()
            self.paint()

    def paint(self) -> None:
        """Take the colors of the theme, and draw what is shown."""
        if self._figure is None:
            return
        tokens = TOKENS[self.session.theme]
        with pn.io.hold():
            self._halo.line_color, self._edge.line_color = tokens["surface"], tokens["accent"]
            for grid in self._figure.grid:
                grid.grid_line_color = tokens["line"]
            if self._gestures is not None:
                self._gestures.paint(self.session.theme)
            self._push(self.session.state.mask)
            self._put_ring(self.session.state.focus)

    def _hook(self, plot: Any, element: hv.Image) -> None:
        del element
        self._source = plot.handles["source"]
        if plot.state is self._figure:
            return
        self._figure = plot.state
        bare(self._figure)
        plot.handles["glyph"].color_mapper = self._mapper
        for glyph in (self._halo, self._edge):
            self._figure.add_glyph(self._ring, glyph)
        guard = self.session.guard
        handlers: dict[str, Any] = {
            "box": guard(self._box),
            "hover": guard(self._rest),
            "screen": guard(self._sized),
        }
        label = "loss of every sample by another number: drag to select a box, click to inspect"
        self._gestures = Gestures(self._figure, handlers, label, zoom=False, plane=True)
        for kind in (Tap, DoubleTap):  # Bokeh calls two quick taps double wherever they are
            self._figure.on_event(kind, guard(self._tap))
        self._write()
        self.paint()

    def _write(self) -> None:
        """Write what stands along the sides."""
        if self._figure is None:
            return
        below, left, words = self._figure.below[0], self._figure.left[0], self.spread.words()
        ticks(below, words)
        below.major_label_orientation = np.pi / 5 if self._touch(words) else 0
        if not words:
            below.update(ticker=BasicTicker(desired_num_ticks=6), major_label_overrides={})
        _, low, _, high = self.spread.view
        ticks(left, {p: power(p) for p in range(int(np.ceil(low)), int(np.floor(high)) + 1)})
        for axis, title in ((below, self.spread.column.replace("_", " ")), (left, "loss")):
            axis.update(axis_label=title, axis_label_text_font_size="11px", axis_label_standoff=4)
            axis.axis_label_text_font_style = "normal"
        self._figure.xgrid.visible = not words

    def _touch(self, words: Mapping[float, str]) -> bool:
        """Whether names of classes do not fit side by side."""
        room = self.size[0] / len(words) if self.size and words else np.inf
        return any(len(word) * SIGN > room for word in words.values())

    def _push(self, mask: Mask | None) -> None:
        if self._source is None or self.size is None or self.hidden:
            return
        kind = (self.session.theme, mask is not None)
        if kind != self._drawn:
            self._drawn = kind
            self._mapper.palette = padded(spread.palette(self.session.theme, len(self.session.data), kind[1]))
        self._source.data.update(image=[self.spread.pixels(self.session.colors, mask, self.size)])

    def _put_ring(self, sample: int | None) -> None:
        place = None if self.hidden else self.spread.place(sample)
        self._ring.data = {"x": [place[0]] if place else [], "y": [place[1]] if place else []}

    # --- gestures ------------------------------------------------------------------------------------------------
    def _sized(self, message: list[float]) -> None:
        """Hear how large the plot is; what Panel is told too early, it loses."""
        size = (int(message[4]), int(message[5]))
        if size != self.size:
            wider, self.size = self.size is None or size[0] != self.size[0], size
            pn.state.onload(self.session.guard(lambda: self._fit(wider)))

    def _fit(self, wider: bool) -> None:
        with pn.io.hold():
            if wider:
                self._write()
            self.paint()

    def _box(self, message: Mapping[str, Any]) -> None:
        x0, y0, x1, y1 = message["box"]
        origin = self.spread.origin((x0, y0, x1, y1))
        self.session.state.select(self.spread.inside((x0, y0, x1, y1)), origin, message["mode"])

    def _nearest(self, x: float, y: float) -> int | None:
        return None if self.size is None else self.spread.nearest(x, y, self.size, REACH)

    def _tap(self, event: PointEvent) -> None:
        nearest = self._nearest(event.x, event.y)
        if nearest is not None:
            self.session.state.focus = nearest

    def _rest(self, at: list[float] | None) -> None:
        """Hear that the pointer rests, or does no longer."""
        self.session.state.hover = None if at is None else self._nearest(at[0], at[1])


def first_column(session: Session) -> str:
    """Choose what stands across at first: the classes where each has room, else how sure the network is."""
    known = spread.columns(session.data)
    return "confidence" if len(session.data.class_names) > spread.NAMED and "confidence" in known else "label"
