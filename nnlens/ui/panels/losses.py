"""The tab of the loss: a histogram or a scatter of all samples, and beside it their ranking."""

from __future__ import annotations

from typing import Any

import panel as pn

from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.taking import headed
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import choice, switch
from nnlens.ui.look.parts import FILL
from nnlens.ui.look.text import fill, plain
from nnlens.ui.look.theme import static
from nnlens.ui.panels import spread
from nnlens.ui.panels.hardest import Hardest
from nnlens.ui.panels.histogram import LossHistogram
from nnlens.ui.panels.loss_scatter import LossScatter
from nnlens.ui.panels.spread_taking import scatter_out

SCATTER, HISTOGRAM = "scatter", "histogram"
PLOTS = ((SCATTER.capitalize(), SCATTER), (HISTOGRAM.capitalize(), HISTOGRAM))
NOTES = {
    SCATTER: "cross-entropy · color: label × loss · drag selects, click inspects",
    HISTOGRAM: "cross-entropy · drag to brush · log–log",
}


class Losses:
    """One of two plots, and the ranking.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    walk : Walk
    """

    def __init__(self, session: Session, work: Work, catalog: Catalog, walk: Walk) -> None:
        self.session = session
        self.scatter = LossScatter(session)
        self.hardest = Hardest(session, work, catalog, walk)
        self.plot = SCATTER
        self._histogram: pn.Column | None = None
        self._hidden = False
        actions = {"plot": lambda plot, _: self._turn(plot), "across": lambda column, _: self._across(column)}
        self._head = Live(
            actions=actions,
            guard=session.guard,
            css=["menus.css", "losses_head.css"],
            styles={"flex": "none"},
        )
        self._plots = pn.Column(pn.Column(self.scatter.panel(), **FILL), **FILL)
        self._out = scatter_out(self.scatter)
        plots = pn.Column(headed(self._head, self._out), self._plots, **FILL)
        self.view = pn.Column(plots, self.hardest.view, **FILL, stylesheets=[static("losses.css")])
        session.param.watch(session.guard(lambda _: self._widen()), "columns")
        self.paint()

    @property
    def hidden(self) -> bool:
        """Whether nobody sees it, so that nothing need be drawn."""
        return self._hidden

    @hidden.setter
    def hidden(self, value: bool) -> None:
        self._hidden = self.hardest.hidden = value
        self.scatter.hidden = value or self.plot != SCATTER

    def paint(self) -> None:
        """Draw the line above the plot."""
        columns = [(plain(name.replace("_", " "), 24), name) for name in spread.columns(self.session.data)]
        across = choice("loss against", "across", columns, self.scatter.spread.column, inline=True)
        self._head.show(
            fill(
                '<div class="plothead">{plots}{across}<span class="cap cut grow">{note}</span></div>',
                plots=switch("how the losses are drawn", "plot", PLOTS, self.plot),
                across=fill('<span class="cap">against</span>{menu}', menu=across)
                if self.plot == SCATTER
                else "",
                note=self._note(),
            )
        )

    def _note(self) -> str:
        out = self.scatter.spread.left_out if self.plot == SCATTER else 0
        return f"{NOTES[self.plot]}{f' · {out:,} without a value left out' if out else ''}"

    def _turn(self, plot: str) -> None:
        if plot not in NOTES or plot == self.plot:
            return
        self.plot = plot
        if plot == HISTOGRAM and self._histogram is None:
            self._histogram = LossHistogram(self.session).panel()
            self._plots.append(self._histogram)
        parts: list[Any] = list(self._plots)
        with pn.io.hold():
            for part, own in zip(parts, (SCATTER, HISTOGRAM), strict=False):
                part.visible = own == plot
            self.scatter.hidden = plot != SCATTER
            self._out.visible = plot == SCATTER  # the histogram has its own
            self.paint()

    def _across(self, column: str) -> None:
        if column in spread.columns(self.session.data):
            self.scatter.show(column)
            self.paint()

    def _widen(self) -> None:
        """Take up columns that a result brought, and what a result changed in the one that is shown."""
        self.scatter.show(self.scatter.spread.column)
        self.paint()
