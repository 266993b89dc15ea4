"""The explorer's page: its parts on one grid.

::

    explorer_page(lens).servable()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from nnlens.ui.architecture.room import Architecture
from nnlens.ui.below import Below
from nnlens.ui.channels.room import Channels
from nnlens.ui.core import images
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.extras import restore_columns
from nnlens.ui.core.pinning import toggle
from nnlens.ui.core.samples_out import selection_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import stops
from nnlens.ui.core.url import Address
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.column import inspector_views
from nnlens.ui.look.overlay import Overlay
from nnlens.ui.look.parts import FILL, pane
from nnlens.ui.look.shell import adopt, asked_theme, put, shell
from nnlens.ui.look.text import percent
from nnlens.ui.look.theme import HEADER, static
from nnlens.ui.maps.first_maps import FirstMaps
from nnlens.ui.maps.map_jobs import MapJob
from nnlens.ui.maps.projecting import MAPS, Projecting
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.panels import controls
from nnlens.ui.panels.banner import Banners
from nnlens.ui.panels.header import Facts, Pill, Tools, with_export
from nnlens.ui.panels.help import Help
from nnlens.ui.panels.keys import Keys
from nnlens.ui.panels.table import sample_frame
from nnlens.ui.panels.tour import Tour

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
        self.session.theme_chosen = bool(asked_theme())
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
        self.overlay = Overlay()
        self.help = Help(self.session, lens, self.catalog, self.tour, self.overlay)
        self.facts = Facts(self.session, runs, open_run)
        self.below = Below(
            *(self.session, lens, self.walk, self.work, self.catalog, self.stops, self.channels),
            map_layer=lambda: self.projecting.state("a").layer,
        )
        self.pill = Pill(self.session, self.below.share if self.catalog.shared else None)
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
        self.below.bottom.open()
        self.session.guard(self.address.read)()
        self._warn()
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

    def _warn(self) -> None:
        """Say what is wrong with the run as a whole."""
        store = self.lens.store
        told = store.metadata
        if not store.complete:
            self.session.report(
                f"This run holds {store.committed:,} of {store.total:,} samples: its capture is not finished.",
                "warning",
                "Load the page again for those that came since; where it was interrupted, capture with --resume.",
            )
        if told.get("near_chance"):
            self.session.report(
                f"Accuracy {percent(told['accuracy'], 1)} is near chance.",
                "warning",
                "The usual cause is preprocessing: size, order of the colors, scale, mean.",
            )

    def places(self, position: int) -> dict[str, list[float]]:
        """Return where each map shows a sample, by the map's title."""
        found = {}
        for which in MAPS:
            result = self.projecting.places[which].result
            projection = None if result is None else self.session.data.projection(result)
            row = -1 if projection is None else int(projection.row[position])
            if projection is not None and row >= 0:
                axes = (projection.x, projection.y, projection.z)
                found[projection.title] = [float(axis[row]) for axis in axes if axis is not None]
        return found

    def offer(self, runs: Mapping[str, str]) -> None:
        """Offer runs to be opened from here, by name with why one cannot be."""
        self.facts.offer(runs)
        self.address.runs = list(runs)

    def leave(self) -> None:
        """End what goes on here: another run stands on the page."""
        self.work.close()
        self.below.networks.close()
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
            "pin": lambda: toggle(self.session, state.focus),
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
        if "open" in self._controls.css_classes:
            self._toggle_drawer()
        elif self.channels is None or not self.channels.dialog.close():
            self.session.state.clear()

    def _tools(self) -> Tools:
        actions = {
            "jobs": lambda *_: self.below.bottom.open("Jobs"),
            "theme": lambda *_: self._turn_theme(),
            "help": lambda *_: self.help.open(),
            "link": lambda *_: self.address.tell(),
            "drawer": lambda *_: self._toggle_drawer(),
        }
        tools = Tools(self.session, actions)
        self.work.param.watch(
            self.session.guard(lambda _: tools.jobs(len(self.work.running), self.work.share)), "changes"
        )
        return tools

    def _body(self) -> pn.Column:
        session = self.session
        strip = Architecture(session, self.stops, self.work, self.catalog, self.overlay)
        column, _ = controls.build(session, self.projecting, self.stops)
        self._controls = pane(
            "c", column, scroll=True, css_classes=["drawer"], stylesheets=[static("drawer.css")]
        )
        inspector = inspector_views(self.work, self.walk, self.projecting, self.catalog, self.places)
        return pn.Column(
            pane("x", strip.view),
            self._controls,
            *(pane(which, self.maps[which].panel()) for which in MAPS),
            pane("i", *inspector, scroll=True),
            pane("t", self.below.bottom.view),
            *([self.channels.dialog.view] if self.channels else []),
            Banners(session).view,
            self.overlay.view,
            self.tour,
            *([self.below.drop()] if self.below.can_query else []),
            self._keys(),  # the last: where it stands, all stands
            **FILL,
            stylesheets=[static("grid.css")],
            styles={"height": f"calc(100vh - {HEADER}px)", "width": "100%"},
        )

    def _turn_theme(self) -> None:
        self.session.theme_chosen = True
        self.session.theme = "light" if self.session.dark else "dark"

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
