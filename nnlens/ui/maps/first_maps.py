"""The first maps of a page: what the address asks for, else the best that is there, else the quickest; then better."""

from __future__ import annotations

from dataclasses import replace

from nnlens.errors import NNLensError
from nnlens.lens.requesting import is_key
from nnlens.schema import INPUT
from nnlens.state import MapState
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.stops import Which
from nnlens.ui.look.text import plain
from nnlens.ui.maps.projecting import MAPS, Projecting, default_layer
from nnlens.ui.maps.stored import stored_map

PATIENT = 30.0
"""Seconds: on opening, the best map is computed without asking if it takes less."""


class FirstMaps:
    """Fills both maps for the first time: with what is there, before the page is sent, and then with what is missing.

    Parameters
    ----------
    projecting : Projecting
    improve : bool
        Go on to the best projection of both layers, however long that takes; without it only if it is short.
    """

    def __init__(self, projecting: Projecting, improve: bool = False) -> None:
        self.projecting, self.improve = projecting, improve
        self.session, self.catalog = projecting.session, projecting.catalog
        self._wanted: dict[Which, MapState] = {}
        self._named: list[Which] = []

    def show(self) -> None:
        """Show what the address asks for, else the best that is there; computes nothing."""
        for which in MAPS if self.catalog.projections else ():
            if self.projecting.state(which).analysis:
                self._named.append(which)
            self._wanted[which] = self._complete(which)
            for candidate in self._candidates(which):
                result = self.projecting.cached(candidate)
                if result is not None:
                    self.projecting.set_quietly(which, candidate)
                    self.projecting.draw(which, candidate, result)
                    break

    def start(self) -> None:
        """Compute what is missing, and go on to better maps."""
        if not self.catalog.projections:
            for which in MAPS:
                self.projecting.maps[which].set_note("No plugin draws maps.", "pip install nnlens-embedding")
            return
        if not self._wanted:
            self.show()
        for which in MAPS:
            self._begin(which)
        # what the address asks for by name is not replaced by something better
        self._improve([which for which in MAPS if which not in self._named])

    def _candidates(self, which: Which) -> list[MapState]:
        """Return what may be shown first, the best first."""
        wanted = self._wanted[which]
        asked = [wanted] if which in self._named else []
        return [*asked, *(self._plain(wanted, tool.id) for tool in self._ranked(which))]

    def _begin(self, which: Which) -> None:
        projecting, wanted = self.projecting, self._wanted[which]
        if projecting.places[which].shown is not None:
            projecting.judge(which)
        else:
            quickest = self._quickest(wanted)
            projecting.set_quietly(which, quickest)
            projecting.submit(which, quickest)
        if which in self._named and projecting.state(which) != wanted:
            begun = projecting.state(which).asked
            projecting.after(which, lambda: self._go_on(which, begun, wanted))

    def _go_on(self, which: Which, begun: MapState, wanted: MapState) -> None:
        """Turn to what the address asks for, if nobody has chosen something else meanwhile."""
        if self.projecting.state(which).asked == begun:
            self.projecting.want(which, **_parts(wanted))

    @property
    def _alike(self) -> bool:
        """Whether both maps have the same layer to show: a run without pixels has no other."""
        return not any(stop.name == INPUT for stop in self.projecting.layers)

    def _ranked(self, which: Which) -> list[Tool]:
        """Return what can draw a map, the best first; the second best on map B where both show the same layer."""
        tools = self.catalog.projections
        return [*tools[1:], tools[0]] if which == "b" and self._alike else tools

    def _plain(self, state: MapState, analysis: str) -> MapState:
        return replace(state, analysis=analysis, parameters={}, extent=None)

    def _complete(self, which: Which) -> MapState:
        """Fill what the address leaves open; drop what the run does not have, with a word."""
        state, say = self.projecting.state(which), self.session.report
        layer, analysis, parameters = state.layer, state.analysis, state.parameters
        if layer and layer not in {stop.name for stop in self.projecting.layers}:
            say(f"This run has no layer {plain(layer)}; another one is shown.", "info")
            layer = ""
        tool = self.catalog.tool(analysis)
        if tool not in self.catalog.projections and stored_map(self.projecting.lens, analysis) is None:
            if analysis:
                say(f"There is no projection {plain(analysis)} here; another one is shown.", "info")
            tool, parameters = self._ranked(which)[0], {}
        default = (
            default_layer(self.session, self.projecting.layers) if which == "a" or self._alike else INPUT
        )
        found = replace(
            state, layer=layer or default, analysis=tool.id if tool else analysis, parameters=parameters
        )
        return self._legal(found)

    def _legal(self, state: MapState) -> MapState:
        """Drop parameters that the analysis does not take; a map that was made elsewhere takes none."""
        if is_key(state.analysis):
            return replace(state, parameters={})
        try:
            self.projecting.lens.request(state.analysis, **self.projecting.request(state))
        except (NNLensError, TypeError, ValueError) as error:
            self.session.report(
                f"The map's parameters are left at their defaults: {plain(error, 200)}", "info"
            )
            return replace(state, parameters={})
        return state

    def _quickest(self, state: MapState) -> MapState:
        """Return the map of this layer that takes the least time; the lowest priority if nobody knows."""
        states = [self._plain(state, tool.id) for tool in reversed(self.catalog.projections)]
        times = [self.projecting.estimate(each) for each in states]
        known = [(time, place) for place, time in enumerate(times) if time == time]
        return states[min(known)[1] if known else 0]

    def _improve(self, whiches: list[Which]) -> None:
        """Go on to the best projection, one map after the other."""
        if not whiches:
            return
        which, rest = whiches[0], whiches[1:]
        self.projecting.after(which, lambda: self._better(which, rest))

    def _better(self, which: Which, rest: list[Which]) -> None:
        projecting, place = self.projecting, self.projecting.places[which]
        best = self._plain(projecting.state(which), self._ranked(which)[0].id)
        untouched = place.shown is not None and projecting.state(which).asked == place.shown
        # two quick maps of one layer are the same map
        worth = self.improve or self._alike or projecting.estimate(best) <= PATIENT
        if untouched and worth and place.shown != best.asked and place.offer is None:
            projecting.set_quietly(which, best)
            projecting.submit(which, best)
        projecting.after(which, lambda: self._improve(rest))


def _parts(state: MapState) -> dict[str, object]:
    return {"layer": state.layer, "analysis": state.analysis, "parameters": state.parameters}
