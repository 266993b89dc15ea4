"""The confusion matrix with pictures in its cells; a click selects a cell, with shift or ctrl it adds one."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.events import DoubleTap, PointEvent, Tap
from bokeh.models import ColumnDataSource, ImageRGBA, LinearAxis, LinearColorMapper, Plot, Quad
from bokeh.models import Image as ImageGlyph
from numpy.typing import NDArray

from nnlens.state import Mask
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.look.palette import TOKENS, mix
from nnlens.ui.look.plots import FLAT, bare, picture, section, ticks
from nnlens.ui.look.text import percent, plain
from nnlens.ui.maps.gestures import held
from nnlens.ui.panels.mosaic import CELL, Confusion, mosaic

SHORT = 9
"""Signs of a class name beside the matrix."""
LEAST = 0.15
"""Width of the bar of a cell of which next to nothing is selected, of a cell."""


def confusion(data: RunData) -> Confusion:
    """Get the confusions of a run, counted once for all sessions."""
    return data.once("confusion", Confusion.of)


def sheet(data: RunData) -> NDArray[np.uint8]:
    """Get the pictures of the matrix, made once for all sessions."""
    return data.once("mosaic", lambda run: mosaic(run, confusion(run)))


class ConfusionMatrix:
    """Labels down, predictions across; the worst sample in each cell, an accent bar for the share selected.

    Parameters
    ----------
    session : Session
        Whose selection it writes and follows.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.confusion = confusion(session.data)
        self._column: pn.Column | None = None
        self._figure: Plot | None = None
        self._bars = ColumnDataSource({"left": [], "right": [], "top": [], "bottom": []})
        self._bar = Quad(left="left", right="right", top="top", bottom="bottom", line_color=None)
        self._shades = LinearColorMapper(palette=["#000000"], low=0, high=1)
        self._ink = LinearColorMapper(palette=["#000000"], low=0, high=255)
        session.hub.register("confusion", self._push)
        session.param.watch(session.guard(lambda _: self._paint()), "theme")

    def panel(self) -> pn.Column:
        """Build the panel, the same one each time: head of 20 px, matrix; stretches in both directions."""
        if self._column is None:
            rows, columns = self.confusion.counts.shape
            bounds = (-0.5, 0.5 - rows, columns - 0.5, 0.5)
            # rows go down as y gets smaller: an inverted axis would turn pictures upside down
            cells = hv.Image(
                self.confusion.shade(), bounds=bounds, kdims=["prediction", "label"], vdims="shade"
            )
            plot = cells.opts(**FLAT, clim=(0, 1), xlim=bounds[::2], ylim=bounds[1::2], hooks=[self._hook])
            shape = {"aspect-ratio": f"{columns + 3} / {rows + 1}", "max-width": "100%", "margin": "0 auto"}
            self._column = section(
                "Confusion", "label ↓ prediction → · row error", picture(plot, styles=shape)
            )
        return self._column

    def _hook(self, plot: Any, element: hv.Image) -> None:
        del element
        if plot.state is self._figure:
            return
        self._figure = plot.state
        bare(self._figure)
        plot.handles["glyph"].color_mapper = self._shades
        self._figure.grid.visible = False
        self._add_pictures(self._figure)
        self._figure.add_glyph(self._bars, self._bar)
        self._write(self._figure)
        for kind in (Tap, DoubleTap):  # Bokeh calls two quick taps double wherever they are
            self._figure.on_event(kind, self.session.guard(self._tap))
        self._paint()
        self._push(self.session.state.mask)

    def _add_pictures(self, figure: Plot) -> None:
        rows, columns = self.confusion.counts.shape
        pictures = sheet(self.session.data)[::-1]
        place = {"x": -0.5, "y": 0.5 - rows, "dw": columns, "dh": rows}
        if pictures.ndim == 2:
            # one byte a pixel and a palette of the ink's alphas: a quarter of the bytes of colors
            source: Any = pictures
            glyph: Any = ImageGlyph(image="image", color_mapper=self._ink, **place)
        else:
            source, glyph = (
                np.ascontiguousarray(pictures).view(np.uint32)[..., 0],
                ImageRGBA(image="image", **place),
            )
        figure.add_glyph(ColumnDataSource({"image": [source]}), glyph)

    def _write(self, figure: Plot) -> None:
        """Write the classes along the sides, and the share of mistakes of each row."""
        confusion = self.confusion
        ticks(figure.left[0], {-i: self._text(group) for i, group in enumerate(confusion.rows)})
        ticks(figure.below[0], {i: self._text(group) for i, group in enumerate(confusion.columns)})
        if any(len(self._text(group)) > 2 for group in confusion.columns[:-1]):
            figure.below[0].major_label_orientation = np.pi / 4
        errors = LinearAxis()
        figure.add_layout(errors, "right")
        ticks(errors, {-i: percent(share, 1) for i, share in enumerate(confusion.error)})

    def _text(self, group: tuple[int, ...]) -> str:
        return plain(self.session.data.class_name(group[0]), SHORT) if len(group) == 1 else "other"

    def _paint(self) -> None:
        if self._figure is None:
            return
        tokens = TOKENS[self.session.theme]
        with pn.io.hold():
            self._shades.palette = [
                mix(tokens["line2"], tokens["surface"], share) for share in np.linspace(0, 1, 16)
            ]
            self._ink.palette = [f"{tokens['ink']}{alpha:02x}" for alpha in range(256)]
            self._bar.fill_color = tokens["accent"]

    def _push(self, mask: Mask | None) -> None:
        if self._figure is None:
            return
        chosen = self.confusion.count(mask)
        rows, columns = np.nonzero(chosen)
        share = chosen[rows, columns] / self.confusion.counts[rows, columns]
        left = columns - 0.45
        foot = -rows - 0.5 + 1 / CELL
        right = left + np.maximum(LEAST, 0.9 * share)
        self._bars.data = {"left": left, "right": right, "bottom": foot, "top": foot + 0.1}

    def _tap(self, event: PointEvent) -> None:
        row, column = round(-event.y), round(event.x)
        rows, columns = self.confusion.rows, self.confusion.columns
        if not (0 <= row < len(rows) and 0 <= column < len(columns)):
            return
        origin = {"kind": "cell", "label": list(rows[row]), "prediction": list(columns[column])}
        mask = self.confusion.cell == row * len(columns) + column
        self.session.state.select(mask, origin, held(event, shift_adds=True))
