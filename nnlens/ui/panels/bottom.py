"""The tabs at the bottom: an overview of loss, confusion, pool and table; then each over the whole width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import panel as pn
from markupsafe import Markup

from nnlens.state import Mask
from nnlens.ui.channels.room import Channels
from nnlens.ui.core.choices import choose, follow
from nnlens.ui.core.samples_out import picture_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import cornered
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.absent import no_network
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL
from nnlens.ui.look.text import fill, joined, plain
from nnlens.ui.look.theme import static
from nnlens.ui.panels import spread
from nnlens.ui.panels.cards import Cards
from nnlens.ui.panels.confusions import Confusions
from nnlens.ui.panels.histogram import LossHistogram
from nnlens.ui.panels.losses import Losses
from nnlens.ui.panels.matrix import ConfusionMatrix
from nnlens.ui.panels.pool import Pool, Ranking
from nnlens.ui.panels.table import SampleTable

OWN = ("Overview", "Loss", "Confusion", "Table", "Pool", "Channels")
PANEL = {"overflow": "hidden", "min-height": "0"}


@dataclass
class Tab:
    """A tab; its content is built when it is first opened.

    Attributes
    ----------
    title : str
    build : callable
        Makes the content.
    parts : list
        What has ``hidden``, to be told when another tab is open.
    """

    title: str
    build: Callable[[], Any]
    parts: list[Any] = field(default_factory=list)


class Bottom:
    """The tabs.

    Parameters
    ----------
    session : Session
    walk : Walk
    more : sequence of Tab
        Those after the tabs of its own.
    channels : Channels, optional
        Gets a tab, and the place of the pictures in the overview.
    losses : callable, optional
        Makes what the tab of the loss shows; a histogram when left out.
    """

    def __init__(
        self,
        session: Session,
        walk: Walk,
        more: Sequence[Tab] = (),
        channels: Channels | None = None,
        losses: Callable[[], Losses] | None = None,
    ) -> None:
        self.session, self.walk, self.channels, self._make_losses = session, walk, channels, losses
        session.resolvers[spread.KIND] = lambda origin: spread.resolve(session.data, origin)
        self._crossed: Confusions | None = None
        self.tabs: list[Tab] = [
            Tab("Overview", self._overview),
            Tab("Loss", self._losses),
            Tab("Confusion", self._confusions),
            Tab("Table", self._table),
            Tab("Pool", self._pool),
            *([Tab("Channels", self._channels)] if channels else []),
            *more,
        ]
        self._holders = [pn.Column(**FILL, visible=False, styles=PANEL) for _ in self.tabs]
        self._bar = Live(
            actions={"tab": lambda place, _: self._open(int(place))},
            guard=session.guard,
            css="tabs.css",
            height=40,
        )
        # not the tabs of panel-material-ui: those take titles for markup, and build plots anew at every switch
        self.view = pn.Column(self._bar, *self._holders, **FILL)
        follow(session, "tab", self._asked)

    @property
    def opened(self) -> bool:
        """Whether a tab is open."""
        return any(holder.visible for holder in self._holders)

    def open(self, title: str = "Overview") -> None:
        """Open a tab by its title."""
        self._open(self._place(title))

    def hides(self, title: str, *parts: Any) -> None:
        """Tell parts, through their ``hidden``, whenever another tab is open than theirs."""
        self.tabs[self._place(title)].parts[:] = parts

    def _asked(self, title: str) -> None:
        """Open the tab that a link names; where there is none, the address lets go of it."""
        if any(tab.title == title for tab in self.tabs):
            self.open(title)
        else:
            choose(self.session, "tab", "")

    def _open(self, place: int) -> None:
        choose(self.session, "tab", self.tabs[place].title if place else "")
        holder = self._holders[place]
        if not len(holder):
            holder[:] = [self.tabs[place].build()]
        for other, tab in enumerate(self.tabs):
            for part in tab.parts:
                part.hidden = other != place
        for other, each in enumerate(self._holders):
            each.visible = other == place
        self._bar.show(
            fill(
                '<div class="tabs" role="tablist" data-walk>{tabs}</div>',
                tabs=joined(_title(tab, i, i == place) for i, tab in enumerate(self.tabs)),
            )
        )

    def _place(self, title: str) -> int:
        return next(place for place, tab in enumerate(self.tabs) if tab.title == title)

    def _loss(self) -> Any:
        if not self.session.data.scored:
            return Live(no_network("No losses"), css="bottom.css")
        return LossHistogram(self.session).panel()

    def _losses(self) -> pn.Column:
        if self._make_losses is None or not self.session.data.scored:
            return _wide(self._loss())
        losses = self._make_losses()
        self.hides("Loss", losses)
        return _wide(losses.view)

    def _confusion(self) -> Any:
        if not self.session.data.scored:
            return Live(no_network("No predictions"), css="bottom.css")
        return ConfusionMatrix(self.session, self._open_cell, small=True).panel()

    def _confusions(self) -> Any:
        if not self.session.data.scored:
            return _wide(self._confusion())
        self._crossed = Confusions(self.session, self.walk)
        self.hides("Confusion", self._crossed)
        return _wide(self._crossed.view)

    def _open_cell(self, mask: Mask, title: str) -> None:
        """Show all pictures of a cell of the overview."""
        self.open("Confusion")
        if self._crossed is not None:
            self._crossed.open_cell(mask, title)

    def _without_network(self) -> pn.Column:
        """Show the samples of a run of embeddings, and why there is no more: its pictures, or else its table."""
        why = Live(no_network("No predictions"), css="bottom.css", css_classes=["flush"])
        if self.session.data.pictured:
            pool = Pool(self.session, self.walk, size=48, label="pictures")
            ranking = Ranking(self.session, self.walk, size=20, label="ranking")
            self.hides("Overview", pool, ranking)
            shown = [pool.view, ranking.view]
        else:
            table = SampleTable(self.session, self.walk)
            self.hides("Overview", table)
            shown = [table.view]
        classes = ["bare"] if self.session.data.pictured else ["bare", "unpictured"]
        sheets = [static("overview.css")]
        return pn.Column(*map(section, (why, *shown)), **FILL, stylesheets=sheets, css_classes=classes)

    def _overview(self) -> pn.Column:
        if not self.session.data.scored:
            return self._without_network()
        third: Any = (
            self.channels.small_panel(lambda: self.open("Channels"))
            if self.channels
            else Pool(self.session, self.walk, label="pictures", offer=False)
        )
        ranking = Ranking(self.session, self.walk, size=8, label="ranking")
        self.hides("Overview", third, ranking)
        parts = (self._loss(), self._confusion(), third.view, ranking.view)
        return pn.Column(*map(section, parts), **FILL, stylesheets=[static("overview.css")])

    def _table(self) -> pn.Column:
        table = SampleTable(self.session, self.walk)
        self.hides("Table", table)
        return _wide(table.view)

    def _pool(self) -> pn.Column:
        pool = Cards(self.session, self.walk)
        self.hides("Pool", pool)
        place = {"top": "0", "right": "0"}
        downloads = picture_downloads(self.session, self.walk, lambda: pool.chosen)
        out = TakeOut(self.session, "take the pool out", downloads, styles=place)
        return _wide(cornered(pool.view, out))

    def _channels(self) -> pn.Column:
        panel = self.channels.panel() if self.channels else Pool(self.session, self.walk)
        self.hides("Channels", panel)
        return _wide(panel.view)


def _title(tab: Tab, place: int, active: bool) -> Markup:
    return fill(
        '<button class="tab" type="button" role="tab" aria-selected="{on}" data-act="tab" data-value="{place}"'
        ' data-key="tab{place}">{title}</button>',
        on="true" if active else "false",
        place=place,
        title=plain(tab.title, 24),
    )


def section(content: Any) -> pn.Column:
    """Return a part of the overview; the hairlines come from the grid's gaps."""
    styles = {"padding": "8px 16px", "overflow": "hidden", "background": "var(--nn-surface)"}
    return pn.Column(content, **FILL, styles=styles)


def _wide(content: Any) -> pn.Column:
    return pn.Column(content, **FILL, styles={"padding": "8px 16px", "overflow": "hidden", "height": "100%"})
