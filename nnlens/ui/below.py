"""What lies below the maps: the tabs of every room, and the questions that open one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnlens.lens import Lens
from nnlens.ui.channels.room import Channels
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.panels.analyses import Analyses
from nnlens.ui.panels.bottom import OWN, Bottom, Tab
from nnlens.ui.panels.losses import Losses
from nnlens.ui.panels.pages import page_tabs
from nnlens.ui.panels.plugins import PluginList
from nnlens.ui.panels.tasks import TaskList
from nnlens.ui.query.drop import ImageDrop
from nnlens.ui.query.explained import Explained
from nnlens.ui.query.networks import Networks
from nnlens.ui.query.panel import TITLE as QUERY
from nnlens.ui.query.panel import Query
from nnlens.ui.sharing.panel import TITLE as IN_COMMON
from nnlens.ui.sharing.panel import InCommon


class Below:
    """The tabs of a page.

    Parameters
    ----------
    session : Session
    lens : Lens
    walk : Walk
    work : Work
    catalog : Catalog
    stops : list of Stop
    channels : Channels, optional
    map_layer : callable
        Tells the layer of map A.
    """

    def __init__(
        self,
        session: Session,
        lens: Lens,
        walk: Walk,
        work: Work,
        catalog: Catalog,
        stops: list[Stop],
        channels: Channels | None,
        map_layer: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.session, self.walk, self.work, self.catalog, self.stops = session, walk, work, catalog, stops
        self.lens, self._map_layer = lens, map_layer
        self._in_common: InCommon | None = None
        self._query: Query | None = None
        self.networks = Networks(session, lens, work, lambda: self.bottom.open(QUERY))
        losses = lambda: Losses(session, work, catalog, walk)  # noqa: E731
        self.bottom = Bottom(session, walk, self._more(), channels, losses)

    @property
    def can_query(self) -> bool:
        """Whether there is something to look for neighbors with."""
        return bool(self.catalog.searches and self.lens.store.layers)

    def share(self) -> None:
        """Say what the selected samples share."""
        self.bottom.open(IN_COMMON)
        if self._in_common is not None:
            self._in_common.ask()

    def by_picture(self, name: str, content: bytes) -> None:
        """Look for what is like a picture from outside."""
        self.bottom.open(QUERY)
        if self._query is not None:
            self._query.by_picture(name, content)

    def drop(self) -> ImageDrop:
        """Return what takes pictures and weights that are dropped on the page."""
        networks = self.networks
        return ImageDrop(self.by_picture, self.session.guard, networks.arriving, networks.takes)

    def _more(self) -> list[Tab]:
        """Return the tabs after those that every run has."""
        session, work, catalog = self.session, self.work, self.catalog
        more = [
            *([Tab(IN_COMMON, self._shared)] if catalog.shared else []),
            *([Tab(QUERY, self._queries)] if self.can_query else []),
            *([Tab("Analyses", self._analyses)] if catalog.others else []),
            Tab("Jobs", lambda: TaskList(session, work).view),
            Tab("Plugins", lambda: PluginList(session, catalog.listed).view),
        ]
        return more + page_tabs(session, self.lens, work, catalog, {*OWN, *(tab.title for tab in more)})

    def _shared(self) -> Any:
        self._in_common = InCommon(self.session, self.work, self.catalog.shared[0])
        self.bottom.hides(IN_COMMON, self._in_common)
        return self._in_common.view

    def _queries(self) -> Any:
        explained = Explained(
            *(self.session, self.lens, self.work, self.catalog.attributions, self.stops, self._map_layer),
            networks=self.networks,
        )
        self._query = Query(self.session, self.lens, self.work, self.catalog.searches[0], explained)
        self.bottom.hides(QUERY, self._query)
        return self._query.view

    def _analyses(self) -> Any:
        return Analyses(self.session, self.lens, self.work, self.catalog, self.stops).view
