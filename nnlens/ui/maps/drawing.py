"""A map as HoloViews and Bokeh draw it: one picture that HoloViews makes, marks above it, and pushes into both.

HoloViews draws again when the theme, the coloring, the shown classes or the projection change. A selection and another
view are too frequent for that: they go as new arrays into the sources that are there. At 60,000 samples a push takes
the server 12 ms; drawing again takes 40, and more the more the page holds, for Bokeh then walks all of its models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.events import DoubleTap, Tap
from bokeh.models import ColumnDataSource, Plot

from nnlens.state import Extent, Mask
from nnlens.ui.core.session import Session
from nnlens.ui.core.turning import read_turn
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.plots import FLAT, bare
from nnlens.ui.look.weakly import weakly
from nnlens.ui.maps.gestures import Gestures
from nnlens.ui.maps.marks import TOP, Marks, padded
from nnlens.ui.maps.scene import Scene

Handlers = Mapping[str, Callable[[Any], Any]]


class InView(hv.streams.RangeXY):
    """The range in view, told by `Gestures`: HoloViews would wait 100 ms, yet must know that it is a range."""


class OnScreen(hv.streams.PlotSize):
    """The size of the plot, told by `Gestures` in the same message."""


Look = hv.streams.Stream.define("Look", version=0)


PINNED = 200
"""Pinned samples that are marked, at most: more would hide the map."""


class Drawing:
    """The plot of one map.

    Parameters
    ----------
    session : Session
    scene : Scene
        What is drawn; whoever changes it calls `redraw`.
    which : str
        The map, whose own lasso is drawn.
    handlers : mapping of str to callable
        What to do with gestures, by kind, as `Gestures` has them, and with ``tap`` and ``double``.
    """

    def __init__(self, session: Session, scene: Scene, which: str, handlers: Handlers) -> None:
        self.session = session
        self.scene = scene
        self._which = which
        self._handlers = {kind: session.guard(handler) for kind, handler in handlers.items()}
        self.mode = "lasso"
        self._figure: Plot | None = None
        self._marks: Marks | None = None
        self._gestures: Gestures | None = None
        self._source: ColumnDataSource | None = None
        self._in_view, self._on_screen, self._look = InView(), OnScreen(), Look()

    def plot(self) -> hv.DynamicMap:
        """Make what HoloViews draws."""
        picture = hv.DynamicMap(self._draw, streams=[self._in_view, self._on_screen, self._look])
        return picture.opts(
            hv.opts.Image(**FLAT, xaxis=None, yaxis=None, clim=(0, TOP), hooks=[weakly(self._hook)])
        )

    def _draw(self, x_range: Any, y_range: Any, width: Any, height: Any, **others: Any) -> hv.Image:
        """Make HoloViews' element for what is in view; `others` are the scale and the version."""
        del others
        scene = self.scene
        view = (x_range[0], y_range[0], x_range[1], y_range[1]) if x_range and y_range else scene.view
        scene.look(view, int(width or scene.width), int(height or scene.height))
        pixels = scene.pixels(self.session.state.mask)
        # HoloViews wants the top row first
        return hv.Image(pixels[::-1], bounds=view, vdims="place").opts(cmap=padded(self.palette()))

    def palette(self) -> tuple[str, ...]:
        """Choose the palette for theme and coloring."""
        return self.scene.palette(self.session.theme)

    def _hook(self, plot: Any, element: hv.Image) -> None:
        """Take hold of the plot that HoloViews made; it may make another, as when a tab is opened again."""
        del element
        self._source = plot.handles["source"]
        if plot.state is not self._figure:
            self._figure = plot.state
            self._dress(self._figure)
            self._put_marks()

    def _dress(self, figure: Plot) -> None:
        bare(figure)
        label = f"map {self._which.upper()}: drag to select, click to inspect, wheel to zoom"
        self._marks = Marks(figure)
        self._gestures = Gestures(figure, self._handlers, label, zoom=True, mode=self.mode)
        figure.on_event(Tap, self._handlers["tap"])
        figure.on_event(DoubleTap, self._handlers["double"])

    # --- changes -------------------------------------------------------------------------------------------------
    def move(self, view: Extent) -> None:
        """Set what is in view, here and in the browser; `redraw` or `push_view` must follow."""
        if self._figure is not None:
            self._figure.x_range.update(start=view[0], end=view[2])
            self._figure.y_range.update(start=view[1], end=view[3])
        self.seen(view, self.scene.width, self.scene.height)

    def seen(self, view: Extent, width: int, height: int) -> None:
        """Take note of what the browser shows; `redraw` or `push_view` must follow."""
        self.scene.look(view, width, height)
        self._in_view.update(x_range=view[::2], y_range=view[1::2])
        self._on_screen.update(width=width, height=height)

    def redraw(self) -> None:
        """Draw again, marks included, in one batch."""
        if self._figure is None:
            return
        with pn.io.hold():
            self._look.event(version=self._look.version + 1)
            self._put_marks()

    def choose(self, mode: str) -> None:
        """Choose what a drag does."""
        self.mode = mode
        if self._gestures is not None:
            self._gestures.choose(mode)

    def answer(self) -> None:
        """Say that a turn is drawn."""
        if self._gestures is not None:
            self._gestures.answer()

    def push(self, mask: Mask | None) -> None:
        """Follow the selection: new arrays into the sources that are there."""
        if self._source is None:
            return
        if self.scene.mode == "pixels":
            self._source.data.update(image=[self.scene.pixels(mask)])
        self._put_samples(mask)

    def push_view(self) -> None:
        """Follow what is in view, in the same way."""
        if self._source is None:
            return
        x0, y0, x1, y1 = self.scene.view
        pixels = self.scene.pixels(self.session.state.mask)
        self._source.data.update(image=[pixels], x=[x0], y=[y0], dw=[x1 - x0], dh=[y1 - y0])
        self._put_marks()

    def ring(self, layer: str, sample: int | None) -> None:
        """Put the ring of the layer ``focus`` or ``rest`` around a sample, or take it away."""
        place = self.scene.place(sample)
        if self._marks is not None:
            self._marks.put(layer, {"x": [place[0]] if place else [], "y": [place[1]] if place else []})

    def pinned(self) -> None:
        """Mark the samples that are pinned to the pool."""
        places = [self.scene.place(sample) for sample in self.session.state.pinned[:PINNED]]
        there = [place for place in places if place is not None]
        if self._marks is not None:
            self._marks.put("pinned", {"x": [x for x, _ in there], "y": [y for _, y in there]})

    def _put_marks(self) -> None:
        if self._marks is None or self._gestures is None:
            return
        scene, marks, theme = self.scene, self._marks, self.session.theme
        marks.paint(theme, self.palette())
        self._gestures.paint(theme)
        marks.resize(scene.picture_side(), scene.mode == "pictures")
        self._put_samples(self.session.state.mask)
        self.ring("focus", self.session.state.focus)
        self.pinned()

    def _put_samples(self, mask: Mask | None) -> None:
        marks, scene = self._marks, self.scene
        if marks is None:
            return
        pictures = scene.pictures(mask)
        marks.put("dots", scene.dots(mask))
        marks.put("few", scene.few(mask))
        marks.put("frames", pictures)
        marks.put("pictures", {**pictures, "url": self.session.image_urls(pictures["sample"])})
        marks.put("names", self._names(mask))
        marks.put("lasso", self._outline())

    def _names(self, mask: Mask | None) -> Mapping[str, Any]:
        names, tokens = self.scene.names(mask), TOKENS[self.session.theme]
        ink = [tokens["ink" if strong else "ink2"] for strong in names["strong"]]
        edge = [tokens["edge" if strong else "line2"] for strong in names["strong"]]
        return {**names, "ink": ink, "edge": edge}

    def _outline(self) -> Mapping[str, Any]:
        """Find the lasso or box that made the selection, where it was drawn in this map."""
        origin, projection = self.session.state.selection.origin, self.scene.projection
        drawn = (origin.get("map"), origin.get("projection"), read_turn(origin.get("turn")))
        here = projection is not None and drawn == (self._which, projection.key, self.scene.turn)
        corners = _corners(origin) if here else []
        return {
            "xs": [[x for x, _ in corners]] if corners else [],
            "ys": [[y for _, y in corners]] if corners else [],
        }


def _corners(origin: Mapping[str, Any]) -> list[list[float]]:
    if origin.get("kind") == "box":
        x0, y0, x1, y1 = origin["box"]
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return list(origin.get("corners", ()))
