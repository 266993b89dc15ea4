"""The confusion matrix with pictures in its cells; a click selects a cell, with shift or ctrl it adds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.events import DoubleTap, MouseLeave, MouseMove, PointEvent, Tap
from bokeh.models import ColumnDataSource, CustomJS, ImageRGBA, LinearColorMapper, Plot, Quad, Text
from bokeh.models import Image as ImageGlyph
from numpy.typing import NDArray

from nnlens.state import Mask
from nnlens.ui.core.aside import aside
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.core.taking import headed
from nnlens.ui.look.live import Live
from nnlens.ui.look.palette import TOKENS, mix
from nnlens.ui.look.parts import FILL
from nnlens.ui.look.plots import FLAT, HEAD, bare, picture, ticks
from nnlens.ui.look.text import count, fill, percent, plain
from nnlens.ui.look.theme import static
from nnlens.ui.look.weakly import weakly
from nnlens.ui.maps.gestures import held
from nnlens.ui.panels.crossing import Confusion, Side, in_cell
from nnlens.ui.panels.mosaic import CELL, mosaic
from nnlens.ui.panels.taking import matrix_out

FEW = 12
"""Rows and columns, at most, where there is little room."""
SHORT, SHORTEST = 12, 8
"""Signs of a value's name beside the matrix."""
LEAST = 0.15
"""Width of the bar of a cell of which next to nothing is selected, of a cell."""
ERRORS = 52
"""Pixels at the right that hold the share of mistakes of each row."""


def confusion(data: RunData) -> Confusion:
    """Get the confusions of a run, counted once for all sessions."""
    return data.once("confusion", Confusion.of)


def few_confusions(data: RunData) -> Confusion:
    """Get the confusions in as few rows and columns as a small panel has room for; the same ones where they are few."""
    made = confusion(data)
    if max(made.counts.shape) <= FEW:
        return made
    return data.once("few confusions", lambda run: Confusion.of(run, most=FEW))


def sheet(data: RunData, shown: Confusion) -> NDArray[np.uint8]:
    """Get the pictures of one of these two, made once for all sessions."""
    return data.once(f"mosaic {shown.counts.shape}", lambda run: mosaic(run, shown))


class ConfusionMatrix:
    """Labels down, predictions across; the worst sample in each cell, an accent bar for the share selected.

    Parameters
    ----------
    session : Session
        Whose selection it writes and follows.
    opened : callable, optional
        Gets the samples of a cell that was clicked twice, as a mask, and its name.
    small : bool
        Whether it has little room, so that names are shorter; the head tells that under the pointer in full.
    """

    def __init__(
        self, session: Session, opened: Callable[[Mask, str], Any] | None = None, small: bool = False
    ) -> None:
        self.session, self._opened, self.small = session, opened, small
        self.confusion = (few_confusions if small else confusion)(session.data)
        self.norm = "count"
        self._column: pn.Column | None = None
        self._figure: Plot | None = None
        self._last: tuple[int, int] | None = None
        self._head = Live(height=HEAD, styles={"flex": "none"})
        self._renew()
        self._shades = LinearColorMapper(palette=["#000000"], low=0, high=1)
        self._ink = LinearColorMapper(palette=["#000000"], low=0, high=255)
        session.resolvers["cell"] = lambda origin: in_cell(session, origin)
        session.hub.register("confusion", self._push)
        session.param.watch(session.guard(lambda _: self._paint()), "theme")

    def _renew(self) -> None:
        """Make what belongs to one figure."""
        nothing: Mapping[str, Any] = {"left": [], "right": [], "top": [], "bottom": []}
        self._bars = ColumnDataSource(dict(nothing))
        self._bar = Quad(left="left", right="right", top="top", bottom="bottom", line_color=None)
        self._pictures = ColumnDataSource({"image": [np.zeros((1, 1), np.uint8)]})
        self._wire = ColumnDataSource({"cell": [], "n": []})
        self._wire.on_change("data", self.session.guard(lambda _a, _o, new: self._hovered(new)))
        self._errors = Text(
            x="x", y="y", text="text", text_baseline="middle", text_font_size="11px", x_offset=8
        )

    def panel(self) -> pn.Column:
        """Build the panel, the same one each time: head of 20 px, matrix; stretches in both directions."""
        if self._column is None:
            self._column = pn.Column(headed(self._head, matrix_out(self)), self._picture(), **FILL)
            self._note()
        return self._column

    def show(self, confusion: Confusion, norm: str = "count") -> None:
        """Show other columns, or other shades."""
        if (confusion is self.confusion and norm == self.norm) or self._column is None:
            self.confusion, self.norm = confusion, norm
            return
        self.confusion, self.norm, self._figure = confusion, norm, None
        self._renew()
        self._column[1] = self._picture()
        self._note()

    def _picture(self) -> pn.pane.HoloViews:
        rows, columns = self.confusion.counts.shape
        bounds = (-0.5, 0.5 - rows, columns - 0.5, 0.5)
        # rows go down as y gets smaller: an inverted axis would turn pictures upside down
        cells = hv.Image(
            self.confusion.shade(self.norm), bounds=bounds, kdims=["prediction", "label"], vdims="shade"
        )
        plot = cells.opts(
            **FLAT, clim=(0, 1), xlim=bounds[::2], ylim=bounds[1::2], hooks=[weakly(self._hook)]
        )
        shape = {"aspect-ratio": f"{columns + 3} / {rows + 1}", "max-width": "100%", "margin": "0 auto"}
        return picture(plot, styles=shape)

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
        self._listen(self._figure)
        self._paint()
        self._push(self.session.state.mask)

    def _listen(self, figure: Plot) -> None:
        for kind in (Tap, DoubleTap):  # Bokeh calls two quick taps double wherever they are
            figure.on_event(kind, self.session.guard(self._tap))
        rows, columns = self.confusion.counts.shape
        names = {"figure": figure, "wire": self._wire, "rows": rows, "columns": columns, "margin": ERRORS}
        script = CustomJS(args=names, code=static("matrix.js"))
        for event in (MouseMove, MouseLeave):
            figure.js_on_event(event, script)
        for name in ("inner_width", "inner_height"):
            figure.js_on_change(name, script)

    def _add_pictures(self, figure: Plot) -> None:
        """Draw the pictures: those that all sessions share at once, those of other columns when they are read."""
        place = self.confusion
        if self._shared:
            self._put_pictures(figure, place, self.sheet())
        elif self.session.data.pictured:
            aside(self.session, self.sheet, lambda made: self._put_pictures(figure, place, made))

    @property
    def _shared(self) -> bool:
        """Whether all sessions of the run show the same."""
        data = self.session.data
        return self.confusion in (confusion(data), few_confusions(data))

    def sheet(self) -> NDArray[np.uint8]:
        """Return the pictures of all cells as one."""
        data, shown = self.session.data, self.confusion
        return sheet(data, shown) if self._shared else mosaic(data, shown)

    def _put_pictures(self, figure: Any, place: Confusion, pictures: NDArray[np.uint8]) -> None:
        if self._figure is None or self._figure is not figure:  # another one is shown by now
            return
        rows, columns = place.counts.shape
        where = {"x": -0.5, "y": 0.5 - rows, "dw": columns, "dh": rows}
        turned = pictures[::-1]
        if pictures.ndim == 2:
            # one byte a pixel and a palette of the ink's alphas: a quarter of the bytes of colors
            source: Any = turned
            glyph: Any = ImageGlyph(image="image", color_mapper=self._ink, **where)
        else:
            source = np.ascontiguousarray(turned).view(np.uint32)[..., 0]
            glyph = ImageRGBA(image="image", **where)
        self._pictures.data = {"image": [source]}
        figure.add_glyph(self._pictures, glyph)
        bars = [renderer for renderer in figure.renderers if renderer.data_source is self._bars]
        if bars:  # they lie above pictures that came later
            figure.renderers = [each for each in figure.renderers if each is not bars[0]] + bars

    def _write(self, figure: Plot) -> None:
        """Write the values along the sides, and the share of mistakes of each row."""
        confusion = self.confusion
        limit = SHORTEST if self.small else SHORT
        rows = enumerate(self.text(confusion.row, group, limit) for group in confusion.rows)
        ticks(figure.left[0], {-place: word for place, word in rows})
        words = [self.text(confusion.column, group, limit) for group in confusion.columns]
        ticks(figure.below[0], dict(enumerate(words)))
        if any(len(word) > 2 for word in words[:-1]):
            # where cells are as wide as a line is high, only upright names do not lie over each other
            figure.below[0].major_label_orientation = np.pi / (2 if self.small else 4)
        columns = confusion.counts.shape[1]
        shown = confusion.error if confusion.judged else confusion.counts.sum(1)
        texts = [percent(value, 1) if confusion.judged else count(value) for value in shown]
        places = {"x": [columns - 0.5] * len(shown), "y": [-i for i in range(len(shown))], "text": texts}
        figure.add_glyph(ColumnDataSource(places), self._errors)

    def text(self, side: Side, group: tuple[int, ...], limit: int = SHORT) -> str:
        """Name a value of a side, or those that share a place."""
        return plain(side.title(self.session.data, group[0]), limit) if len(group) == 1 else "other"

    def name(self, row: int, column: int) -> str:
        """Say which values meet in a cell."""
        shown = self.confusion
        across = self.text(shown.column, shown.columns[column], 24)
        return f"{self.text(shown.row, shown.rows[row], 24)} {shown.sign} {across}"

    def _note(self, cell: tuple[int, int] | None = None) -> None:
        """Say what the sides are, or what lies in the cell under the pointer."""
        shown = self.confusion
        note = f"{shown.row.column} ↓ {shown.column.column} → · {'row error' if shown.judged else 'samples'}"
        if cell is not None:
            parts = [count(shown.counts[cell])]
            parts += [f"{percent(shown.shares(side)[cell], 1)} of {side}" for side in ("row", "column")]
            note = f"{self.name(*cell)} · {' · '.join(parts)}"
        words = '<div class="h3"><span>{t}</span><span class="cap cut" title="{n}">{n}</span></div>'
        self._head.show(fill(words, t="Confusion", n=note.replace("_", " ")))

    def _hovered(self, new: Mapping[str, Any]) -> None:
        told = str(next(iter(new.get("cell", ())), "") or "")
        row, _, column = told.partition(",")
        self._note(self._known(int(row), int(column)) if row.isdigit() and column.isdigit() else None)

    def _known(self, row: int, column: int) -> tuple[int, int] | None:
        rows, columns = self.confusion.counts.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

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
            self._errors.text_color = tokens["ink2"]

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
        cell = self._known(round(-event.y), round(event.x))
        if cell is None:
            return
        shown = self.confusion
        mask = shown.cell == cell[0] * len(shown.columns) + cell[1]
        origin = shown.origin(shown.rows[cell[0]], shown.columns[cell[1]])
        self.session.state.select(mask, origin, held(event, shift_adds=True))
        if isinstance(event, DoubleTap) and cell == self._last and self._opened is not None and mask.any():
            self._opened(mask, self.name(*cell))
        self._last = cell
