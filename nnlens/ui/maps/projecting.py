"""From what a map is asked to show to what it shows: the result at hand, a job, or an offer to compute it.

The state holds what is wanted. What is drawn stays until something better is there, and its title tells the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import param
import xarray as xr

from nnlens.errors import AnalysisError, NNLensError
from nnlens.lens.requesting import is_key
from nnlens.schema import INPUT
from nnlens.state import Draw, MapState
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop, Which
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.text import count, error_words, plain, seconds
from nnlens.ui.maps.projection_map import ProjectionMap
from nnlens.ui.maps.quality import Judging
from nnlens.ui.maps.stored import stored_map

if TYPE_CHECKING:
    from nnlens.lens import Lens

QUICK = 4.0
"""Seconds: what takes less is computed without asking."""
MAPS: tuple[Which, Which] = ("a", "b")
UNKNOWN = float("nan")


@dataclass
class Place:
    """One of the two maps: what it shows, and what is on its way.

    Attributes
    ----------
    shown : MapState or None
        What the drawn result was made from.
    result : Dataset or None
    task : Task or None
        The job that will replace it.
    offer : float or None
        Seconds that what is wanted would take, where nobody has asked for it yet; NaN where nobody knows.
    trouble : tuple of str or None
        Why there is no map at all, and what to do.
    """

    shown: MapState | None = None
    result: xr.Dataset | None = None
    task: Task | None = None
    offer: float | None = None
    trouble: tuple[str, str] | None = None


class Projecting(param.Parameterized):
    """Keeps both maps at what the state wants.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    layers : list of Stop
    maps : mapping of {"a", "b"} to ProjectionMap
    """

    changes = param.Integer(default=0, doc="Counts up whenever a map, an offer or a job of a map changes.")

    def __init__(
        self,
        session: Session,
        work: Work,
        catalog: Catalog,
        layers: list[Stop],
        maps: Mapping[Which, ProjectionMap],
    ) -> None:
        super().__init__()
        self.session, self.work, self.catalog, self.layers, self.maps = session, work, catalog, layers, maps
        self.places: dict[Which, Place] = {"a": Place(), "b": Place()}
        self._judging = Judging(session, work, catalog)
        self._silent = False
        for which in MAPS:
            session.state.param.watch(session.guard(partial(self._wanted, which)), f"map_{which}")

    @property
    def lens(self) -> Lens:
        """The run that is projected."""
        if self.session.lens is None:
            raise AnalysisError("This page has data but no run, so nothing can be computed.")
        return self.session.lens

    # ------------------------------------------------------------------------------------------------ what is wanted
    def state(self, which: Which) -> MapState:
        """Return what a map is asked to show."""
        found: MapState = getattr(self.session.state, f"map_{which}")
        return found

    def want(self, which: Which, **changes: Any) -> None:
        """Ask a map for another layer, analysis or parameters."""
        wanted = replace(self.state(which), **changes, extent=None)
        self.session.state.param.update(**{f"map_{which}": wanted})

    def compute(self, which: Which) -> None:
        """Compute what is wanted; Compute was pressed."""
        self.submit(which, self.state(which))

    def set_quietly(self, which: Which, state: MapState) -> None:
        """Write what a map is asked for, where its work is already seen to."""
        with self._quiet():
            self.session.state.param.update(**{f"map_{which}": state})

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def _wanted(self, which: Which, event: Any) -> None:
        if self._silent or _request(event.old) == _request(event.new):
            return
        place, wanted = self.places[which], self.state(which)
        result = self.cached(wanted)
        if result is not None:
            self._leave(which)
            self.show(which, wanted, result)
            return
        estimate = self.estimate(wanted)
        if estimate <= QUICK:
            self.submit(which, wanted)
            return
        place.offer = estimate
        self.changes += 1

    # ------------------------------------------------------------------------------------------------ asking the run
    def request(self, state: MapState) -> dict[str, Any]:
        """Return the arguments that a map's state makes for the Lens."""
        layer = {"layer": state.layer} if self.lens.wants_layer(state.analysis) else {}
        chosen = state.chosen(self.session.state.ids)
        return {**layer, **({} if chosen is None else {"sample": chosen}), **state.parameters}

    def cached(self, state: MapState) -> xr.Dataset | None:
        """Return the result for a map's state, if there is one."""
        try:
            if is_key(state.analysis):
                return stored_map(self.lens, state.analysis)
            return self.lens.cached(state.analysis, **self.request(state))
        except NNLensError:  # told when it is computed
            return None

    def estimate(self, state: MapState) -> float:
        """Return the seconds that a map takes; NaN where nobody knows, which counts as long."""
        try:
            found = self.lens.estimate(state.analysis, **self.request(state))
        except NNLensError:
            return UNKNOWN
        return UNKNOWN if found is None else float(found)

    def submit(self, which: Which, wanted: MapState) -> None:
        """Compute a map, instead of what was being computed for it."""
        self._leave(which)
        tool = self.catalog.tool(wanted.analysis)
        words = [f"{tool.title if tool else plain(wanted.analysis)} of {self.title_of(wanted.layer)}"]
        title = " · ".join(filter(None, [*words, self.samples_of(wanted)]))
        try:
            self.places[which].task = self.work.submit(
                wanted.analysis,
                title,
                partial(self._done, which, wanted),
                self.request(wanted),
                partial=partial(self.maps[which].set_result, partial=True, of=self.samples_of(wanted)),
                failed=partial(self._failed, which, title),
                left=partial(self._cancelled, which),
            )
            self.maps[which].set_awaited(title)
        except NNLensError as error:
            self._failed(which, title, error)
        self.changes += 1

    def _leave(self, which: Which) -> None:
        """Stop waiting for the job of a map."""
        place = self.places[which]
        if place.task is not None:
            self.work.drop(place.task)
        place.task, place.offer, place.trouble = None, None, None

    # ------------------------------------------------------------------------------------------------ how it ended
    def _done(self, which: Which, wanted: MapState, result: xr.Dataset) -> None:
        self.places[which].task = None
        self.show(which, wanted, result)

    def _cancelled(self, which: Which) -> None:
        """Offer what was wanted again."""
        self._back(which, "No map yet.", "Press Compute, or pick another method.")
        self.places[which].offer = self.estimate(self.state(which))
        self.changes += 1

    def _failed(self, which: Which, title: str, error: BaseException) -> None:
        text, hint = error_words(error)
        self._back(which, text, hint)
        self.places[which].offer = self.estimate(self.state(which))  # what is wanted is still not there
        self.session.report(f"{title}: {text}", "error", hint)
        self.changes += 1

    def _back(self, which: Which, text: str, hint: str) -> None:
        """Show what was there before a job, in place of its pictures; words where there was nothing."""
        place = self.places[which]
        place.task = None
        self.maps[which].set_result(place.result, of=self.samples_of(place.shown))
        if place.result is None:
            place.trouble = (text, hint)

    def show(self, which: Which, state: MapState, result: xr.Dataset) -> None:
        """Draw a result, and find out how good it is."""
        self.draw(which, state, result)
        self.judge(which)

    def draw(self, which: Which, state: MapState, result: xr.Dataset) -> None:
        """Draw a result."""
        place = self.places[which]
        place.shown, place.result = state.asked, result
        place.trouble = None
        # else what is wanted by now is still to be computed
        if _request(self.state(which)) == _request(state):
            place.offer = None
        self.maps[which].set_result(result, of=self.samples_of(state))
        self.session.resume()  # a selection of the address may have been drawn on this map
        self.changes += 1

    def judge(self, which: Which) -> None:
        """Find out how good the map is that is drawn, which may take a job."""
        place, target = self.places[which], self.maps[which]
        shown, result = place.shown, place.result
        if shown is not None and result is not None:
            layer = self.title_of(shown.layer)
            # what was made elsewhere is of no layer: it is said which one it is compared with
            beside = f" · against {layer}" if is_key(shown.analysis) else ""

            def tell(text: str) -> None:
                if place.result is result:
                    target.set_facts(text and text + beside)

            self._judging.judge(result, shown.layer, layer, tell)

    # ------------------------------------------------------------------------------------------------ words
    def title_of(self, layer: str) -> str:
        """Name a layer as the page does."""
        return next((plain(stop.title) for stop in self.layers if stop.name == layer), plain(layer))

    def samples_of(self, state: MapState | None) -> str:
        """Say of which samples a map is made; nothing where it is all of them."""
        chosen = None if state is None else state.chosen(self.session.state.ids)
        if state is None or chosen is None or is_key(state.analysis):
            return ""
        if isinstance(state.samples, Draw):
            return f"random {count(len(chosen))}, seed {state.samples.seed}"
        return f"{count(len(chosen))} selected"

    def offer_text(self, which: Which) -> str:
        """Say how long what is offered takes; nothing where nobody knows."""
        offer = self.places[which].offer
        return "" if offer is None else seconds(offer)

    def after(self, which: Which, action: Callable[[], Any]) -> None:
        """Run an action once the job of this map has ended."""
        task = self.places[which].task
        if task is None:
            action()
            return

        def moved(*_: Any) -> None:
            if self.places[which].task is not task:
                self.param.unwatch(watcher)
                action()

        watcher = self.param.watch(self.session.guard(moved), "changes")


def _request(state: MapState) -> tuple[Any, ...]:
    """Return the part of a map's state that decides what is computed."""
    return state.layer, state.analysis, dict(state.parameters), state.samples


def default_layer(session: Session, layers: list[Stop]) -> str:
    """Return the layer of the hidden vectors: as the run tells it, else the last flat one before the outputs."""
    told = session.lens.store.metadata.get("model", {}).get("hidden_layer") if session.lens else None
    names = [stop.name for stop in layers]
    if told in names:
        return str(told)
    flat = [stop.name for stop in layers if not stop.spatial and stop.name != INPUT]
    return (flat[-2:] or names[-1:])[0]
