"""The explorer's page: its parts on one grid.

::

    explorer_page(lens).servable()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from nnlens.ui.architecture.room import Architecture
from nnlens.ui.channels.room import Channels
from nnlens.ui.core import images
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.extras import restore_columns
from nnlens.ui.core.samples_out import selection_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.taking import cornered
from nnlens.ui.core.url import Address
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.attributions import Attributions
from nnlens.ui.inspector.kept import keep
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.inspector.neighborhood import Neighborhood
from nnlens.ui.inspector.sample import Inspector
from nnlens.ui.inspector.taking import maps_out
from nnlens.ui.look.parts import FILL, WIDE, pane
from nnlens.ui.look.shell import adopt, asked_theme, put, shell
from nnlens.ui.look.theme import HEADER, static
from nnlens.ui.maps.first_maps import FirstMaps
from nnlens.ui.maps.map_jobs import MapJob
from nnlens.ui.maps.projecting import MAPS, Projecting
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.maps.whereabouts import places
from nnlens.ui.panels import controls
from nnlens.ui.panels.analyses import Analyses
from nnlens.ui.panels.banner import Banners, warn_of_run
from nnlens.ui.panels.bottom import OWN, Bottom, Tab
from nnlens.ui.panels.header import Facts, Pill, Tools, with_export
from nnlens.ui.panels.help import Help
from nnlens.ui.panels.keys import Keys
from nnlens.ui.panels.losses import Losses
from nnlens.ui.panels.pages import page_tabs
from nnlens.ui.panels.plugins import PluginList
from nnlens.ui.panels.table import sample_frame
from nnlens.ui.panels.tasks import TaskList
from nnlens.ui.panels.tour import Tour
from nnlens.ui.query.drop import ImageDrop
from nnlens.ui.query.panel import TITLE as QUERY
from nnlens.ui.query.panel import Query
from nnlens.ui.sharing.panel import TITLE as IN_COMMON
from nnlens.ui.sharing.panel import InCommon

if TYPE_CHECKING:
    from nnlens.lens import Lens


class Explorer:
    """One browser page over one run.

    Parameters
    ----------
    lens : Lens
    session : Session, optional
        Made from the lens when left out.
    runs : sequence of str
        Names of the runs that can be opened from here.
    open_run : callable, optional
        Opens another run by its name.
    improve : bool
        Go on to the best maps without being asked.
    """

    def __init__(
        self,
        lens: Lens,
        session: Session | None = None,
        runs: Sequence[str] = (),
        open_run: Callable[[str], Any] | None = None,
        improve: bool = False,
    ) -> None:
        self.lens = lens
        self.session = session or Session(lens)
        self.address = Address(self.session, runs)
        self._furnished = self._started = self._prefer_dark = False
        data = self.session.data
        if data.pictured:
            self.session.image_route = images.SOURCES.offer(
                data.name, data.key, data.images, {"full": lens.pictures.full, "seen": lens.pictures.seen}
            )
        self.catalog = Catalog(lens.registry)
        self.session.page_ids = frozenset(info.id for info, _ in self.catalog.pages)
        self.work = Work(self.session)
        self.walk = Walk(self.session)
        self.stops = stops(lens.store)
        self.maps = {which: ProjectionMap(self.session, which) for which in MAPS}
        self.projecting = Projecting(self.session, self.work, self.catalog, self.stops, self.maps)
        self._first_maps = FirstMaps(self.projecting, improve)
        self.map_jobs = [MapJob(self.projecting, which) for which in MAPS]
        self.channels = (
            Channels(self.session, self.work, self.catalog, self.stops) if self.catalog.feature_maps else None
        )
        self.tour = Tour(scored=data.scored)
        self.help = Help(self.session, lens, self.catalog, self.tour)
        self.facts = Facts(self.session, runs, open_run)
        self.pill = Pill(self.session, self._share if self.catalog.shared else None)
        self._in_common: InCommon | None = None
        self._query: Query | None = None
        self.bottom = self._bottom()
        self.tools = self._tools()
        self.body = self._body()

    def _stands(self, dark: bool = False) -> None:
        """Start, once Panel too has heard that the page stands: what changes before is never sent."""
        if dark and not asked_theme():  # the system's own preference
            self._prefer_dark = True
        pn.state.onload(self.session.guard(self.start))

    def furnish(self) -> None:
        """Take up what the address asks for, and show what is there: the sooner, the less is sent twice."""
        self._furnished = True
        restore_columns(self.session, self.catalog)
        self.bottom.open()
        self.address.read()
        warn_of_run(self.session)
        self._first_maps.show()

    def start(self) -> None:
        """Begin to compute what is missing; the browser says when the page stands."""
        if self._started:
            return
        self._started = True
        if self._prefer_dark:
            self.session.theme = "dark"
        if not self._furnished:
            self.furnish()
        self.address.write()
        self._first_maps.start()

    def offer(self, runs: Mapping[str, str]) -> None:
        """Offer runs to be opened from here, by name with why one cannot be."""
        self.facts.offer(runs)
        self.address.runs = list(runs)

    def leave(self) -> None:
        """End what goes on here: another run stands on the page."""
        self.work.close()
        self.session.closed = True

    def header(self) -> list[Any]:
        """Return the parts of the bar at the top."""
        downloads = selection_downloads(self.session, self.walk, lambda: sample_frame(self.session))
        return [self.facts.view, with_export(self.session, self.pill, downloads), self.tools.view]

    def _keys(self) -> Keys:
        state = self.session.state
        actions = {
            "next": lambda: self.walk.step(1),
            "previous": lambda: self.walk.step(-1),
            "clear": self._leave,
            "undo": state.undo,
            "redo": state.redo,
            "help": self.help.open,
            "ready": self._stands,
            "ready dark": lambda: self._stands(dark=True),
        }
        return Keys(actions, self.session.guard)

    def _leave(self) -> None:
        """Close what lies over the page, else choose nothing: esc was pressed."""
        if self.channels is None or not self.channels.dialog.close():
            self.session.state.clear()

    def _tools(self) -> Tools:
        actions = {
            "jobs": lambda *_: self.bottom.open("Jobs"),
            "theme": lambda *_: setattr(self.session, "theme", "light" if self.session.dark else "dark"),
            "help": lambda *_: self.help.open(),
            "link": lambda *_: self.address.tell(),
            "drawer": lambda *_: self._toggle_drawer(),
        }
        tools = Tools(self.session, actions)
        self.work.param.watch(
            self.session.guard(lambda _: tools.jobs(len(self.work.running), self.work.share)), "changes"
        )
        return tools

    def _share(self) -> None:
        """Say what the selected samples share; the pill's button was pressed."""
        self.bottom.open(IN_COMMON)
        if self._in_common is not None:
            self._in_common.ask()

    def _shared(self) -> Any:
        self._in_common = InCommon(self.session, self.work, self.catalog.shared[0])
        return self._in_common.view

    @property
    def _can_query(self) -> bool:
        return bool(self.catalog.searches and self.lens.store.layers)

    def _queries(self) -> Any:
        self._query = Query(self.session, self.lens, self.work, self.catalog.searches[0])
        return self._query.view

    def _dropped(self, name: str, content: bytes) -> None:
        """Look for what is like a picture that was dropped on the page."""
        self.bottom.open(QUERY)
        if self._query is not None:
            self._query.by_picture(name, content)

    def _bottom(self) -> Bottom:
        session = self.session
        analyses = lambda: Analyses(session, self.lens, self.work, self.catalog, self.stops).view  # noqa: E731
        more = [
            *([Tab(IN_COMMON, self._shared)] if self.catalog.shared else []),
            *([Tab(QUERY, self._queries)] if self._can_query else []),
            *([Tab("Analyses", analyses)] if self.catalog.others else []),
            Tab("Jobs", lambda: TaskList(session, self.work).view),
            Tab("Plugins", lambda: PluginList(session, self.catalog.listed).view),
        ]
        more += page_tabs(session, self.lens, self.work, self.catalog, {*OWN, *(tab.title for tab in more)})
        losses = lambda: Losses(session, self.work, self.catalog, self.walk)  # noqa: E731
        return Bottom(session, self.walk, more, self.channels, losses)

    def _inspector(self) -> list[Any]:
        session, work, projecting = self.session, self.work, self.projecting
        looking = Looking(session, projecting, self.catalog.attributions, self.stops)
        views: list[Any] = [Inspector(session, self.walk, partial(places, projecting), looking).view]
        if self.catalog.attributions:
            explained = Attributions(session, work, looking, self.catalog.checks)
            keep(session, looking, self.catalog.checks)
            views.append(cornered(explained.view, maps_out(explained), **WIDE))
        if self.catalog.neighbors:
            views.append(Neighborhood(session, work, projecting, self.catalog, looking).view)
        return views

    def _body(self) -> pn.Column:
        session = self.session
        strip = Architecture(session, self.stops, self.work, self.catalog)
        column, _ = controls.build(session, self.projecting, self.stops)
        self._controls = pane(
            "c", column, scroll=True, css_classes=["drawer"], stylesheets=[static("drawer.css")]
        )
        inspector = self._inspector()
        return pn.Column(
            pane("x", strip.view),
            self._controls,
            *(pane(which, self.maps[which].panel()) for which in MAPS),
            pane("i", *inspector, scroll=True),
            pane("t", self.bottom.view),
            *([self.channels.dialog.view] if self.channels else []),
            Banners(session).view,
            self.help.view,
            self.tour,
            *([ImageDrop(self._dropped, session.guard)] if self._can_query else []),
            *strip.dialogs,
            self._keys(),  # the last: where it stands, all stands
            **FILL,
            stylesheets=[static("grid.css")],
            styles={"height": f"calc(100vh - {HEADER}px)", "width": "100%"},
        )

    def _toggle_drawer(self) -> None:
        classes = self._controls.css_classes
        self._controls.css_classes = ["drawer"] if "open" in classes else ["drawer", "open"]


def stand(page: pmui.Page, explorer: Explorer) -> None:
    """Put an explorer onto a page, which may have shown something else; it fills its maps once the page stands."""
    adopt(page, explorer.session)
    if pn.state.curdoc is None or not pn.state.loaded:
        explorer.furnish()
    # else in `start`: in a page that stands, Bokeh measures what is new before plots inside of it have a layout
    put(page, explorer.header(), explorer.body)
    if pn.state.curdoc is None:
        explorer.start()


def explorer_page(lens: Lens, **options: Any) -> pmui.Page:
    """Return the page of a run; options as of `Explorer`."""
    page = shell()
    stand(page, Explorer(lens, Session(lens, dark=page.dark_theme), **options))
    return page
