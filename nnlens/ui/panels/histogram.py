"""The histogram of the loss, both axes logarithmic; a drag selects a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.events import DoubleTap, PointEvent, Tap
from bokeh.models import ColumnDataSource, Plot, Quad
from numpy.typing import NDArray

from nnlens.state import Mask, Mode
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.plots import FLAT, HEAD, bare, picture, section, ticks
from nnlens.ui.look.text import fill
from nnlens.ui.look.weakly import weakly
from nnlens.ui.maps.gestures import Gestures, held
from nnlens.ui.panels.taking import loss_out

BINS = 33
LOWEST = -7.0
"""Losses under 1e-7, and those of zero, share the first bar: a softmax in float32 cannot tell them apart."""


@dataclass(frozen=True, eq=False)
class Bins:
    """How the losses of a run are cut.

    Attributes
    ----------
    edges : ndarray of float
        Powers of ten.
    place : ndarray of int, dims (sample,)
        The bar of each sample; −1 where it has no loss.
    counts : ndarray of int
        Samples in each bar.
    largest : float
        The largest loss.
    """

    edges: NDArray[np.float64]
    place: NDArray[np.intp]
    counts: NDArray[np.intp]
    largest: float

    @classmethod
    def of(cls, data: RunData) -> Bins:
        """Cut the losses of a run."""
        loss = np.asarray(data.loss, np.float64)
        there = np.isfinite(loss) & (loss >= 0)
        powers = np.log10(np.maximum(loss[there], 10**LOWEST))
        low, high = (powers.min(), powers.max()) if len(powers) else (LOWEST, 0.0)
        edges = np.linspace(low, max(high, low + 1e-3), BINS + 1)
        place = np.full(len(loss), -1, np.intp)
        place[there] = np.clip(np.searchsorted(edges, powers, "right") - 1, 0, BINS - 1)
        return cls(edges, place, np.bincount(place[there], minlength=BINS), float(loss[there].max(initial=0)))

    def count(self, mask: Mask | None) -> NDArray[np.intp]:
        """Count the selected samples in each bar; none when nothing is selected."""
        if mask is None:
            return np.zeros(BINS, np.intp)
        chosen = self.place[np.flatnonzero(mask)]
        return np.bincount(chosen[chosen >= 0], minlength=BINS)

    def limits(self, low: float, high: float) -> tuple[float, float]:
        """Turn a range of powers into a range of losses; at an end it takes all that the end bar holds."""
        whole_low, whole_high = low <= self.edges[0], high >= self.edges[-1]
        return (0.0 if whole_low else 10.0**low, self.largest if whole_high else 10.0**high)


LEGEND = (
    '<div class="cap" style="display:flex;justify-content:space-between"><span><i class="sw" style="background:'
    'var(--nn-bar)"></i> all &nbsp; <i class="sw" style="background:var(--nn-accent)"></i> selected</span>'
    "<span>cross-entropy</span></div>"
)


class LossHistogram:
    """Grey bars for all samples, accent bars for the selected.

    Parameters
    ----------
    session : Session
        Whose selection it writes and follows.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.bins = session.data.once("loss bins", Bins.of)
        self._column: pn.Column | None = None
        self._figure: Plot | None = None
        self._every: Quad | None = None
        self._gestures: Gestures | None = None
        self._chosen = Quad(left="left", right="right", top="top", bottom=0, line_width=1)
        self._source = ColumnDataSource({"left": [], "right": [], "top": []})
        session.hub.register("loss", self._push)
        session.param.watch(session.guard(lambda _: self._paint()), "theme")

    def panel(self) -> pn.Column:
        """Build the panel, the same one each time: head of 20 px, plot, legend of 20 px; stretches both ways."""
        if self._column is None:
            bars = hv.Histogram((self.bins.edges, height(self.bins.counts)), kdims="loss", vdims="samples")
            top = float(height(self.bins.counts).max()) * 1.04 or 1.0
            plot = bars.opts(
                **FLAT, xlim=_ends(self.bins.edges), ylim=(0, top), yaxis="right", hooks=[weakly(self._hook)]
            )
            foot = Live(fill(LEGEND), height=HEAD, styles={"flex": "none"})
            out = loss_out(self.session, self.bins)
            self._column = section("Loss", "drag to brush · log–log", picture(plot), foot, out=out)
        return self._column

    def _hook(self, plot: Any, element: hv.Histogram) -> None:
        del element
        if plot.state is self._figure:
            return
        self._figure, self._every = plot.state, plot.handles["glyph"]
        bare(self._figure)
        edges = self.bins.edges
        self._source = ColumnDataSource({"left": edges[:-1], "right": edges[1:], "top": np.zeros(BINS)})
        self._figure.add_glyph(self._source, self._chosen)
        ticks(
            self._figure.below[0],
            {p: power(p) for p in range(int(np.ceil(edges[0])), int(edges[-1]) + 1, 2)},
        )
        top = int(np.log10(max(self.bins.counts.max(), 1)))
        ticks(self._figure.right[0], {float(height(10**p)): f"{10**p:,}" for p in range(1, top + 1)})
        self._figure.xgrid.visible = False
        guard = self.session.guard
        label = "loss of all samples and of the selected: drag to select a range"
        self._gestures = Gestures(self._figure, {"box": guard(self._brush)}, label, zoom=False)
        for kind in (Tap, DoubleTap):  # Bokeh calls two quick taps double wherever they are
            self._figure.on_event(kind, guard(self._tap))
        self._paint()
        self._push(self.session.state.mask)

    def _paint(self) -> None:
        if self._figure is None or self._every is None:
            return
        tokens = TOKENS[self.session.theme]
        with pn.io.hold():
            for glyph, color in ((self._every, tokens["bar"]), (self._chosen, tokens["accent"])):
                glyph.update(fill_color=color, line_color=tokens["surface"], fill_alpha=1, line_alpha=1)
            self._figure.ygrid.grid_line_color = tokens["line"]
            if self._gestures is not None:
                self._gestures.paint(self.session.theme)

    def _push(self, mask: Mask | None) -> None:
        if self._figure is not None:
            self._source.data.update(top=height(self.bins.count(mask)))

    def _brush(self, message: Mapping[str, Any]) -> None:
        x0, _, x1, _ = message["box"]
        self._select(*self.bins.limits(x0, x1), message["mode"])

    def _tap(self, event: PointEvent) -> None:
        """Take the bar that was clicked."""
        edges = self.bins.edges
        bar = int(np.searchsorted(edges, event.x, "right")) - 1
        if 0 <= bar < BINS:
            self._select(*self.bins.limits(edges[bar], edges[bar + 1]), held(event))

    def _select(self, low: float, high: float, mode: Mode) -> None:
        origin = {"kind": "range", "variable": "loss", "low": low, "high": high}
        self.session.state.select(self.session.replay(origin), origin, mode)


def height(counts: Any) -> NDArray[np.float64]:
    """Turn counts into heights of bars: one sample still shows."""
    return np.log10(1 + np.asarray(counts, np.float64))


def power(exponent: int) -> str:
    """Write a power of ten for a tick."""
    return {0: "1", 1: "10"}.get(exponent, f"1e{exponent}")


def _ends(edges: NDArray[np.float64]) -> tuple[float, float]:
    return float(edges[0]), float(edges[-1])
