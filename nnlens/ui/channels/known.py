"""What is known of the channels of a layer over samples: results that are stored, and how to get more of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from nnlens.errors import AnalysisError, NNLensError
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Task, Work

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.store.results import ResultInfo


class Known:
    """The latest result of each analysis that says numbers of channels, by layer.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    """

    def __init__(self, session: Session, work: Work, catalog: Catalog) -> None:
        self.session, self.work, self.catalog = session, work, catalog
        self._results: dict[str, list[tuple[Tool, xr.Dataset]]] = {}
        self._tasks: dict[str, Task] = {}
        self._possible: dict[tuple[str, str], bool] = {}
        self._ended = 0

    @property
    def lens(self) -> Lens:
        """The run."""
        if self.session.lens is None:
            raise AnalysisError("This page has data but no run, so nothing can be computed.")
        return self.session.lens

    def results(self, layer: str) -> list[tuple[Tool, xr.Dataset]]:
        """List what is stored, read once until a job ends."""
        if layer not in self._results:
            infos = on_layer(self.lens, layer)
            found = ((tool, latest(self.lens, tool, infos)) for tool in self.catalog.channel_measures)
            self._results[layer] = [(tool, result) for tool, result in found if result is not None]
        return self._results[layer]

    def lacking(self, layer: str) -> list[Tool]:
        """List what could say more of the channels of a layer, and was not computed yet."""
        known = {tool.id for tool, _ in self.results(layer)}
        others = (tool for tool in self.catalog.channel_measures if tool.id not in known)
        return [tool for tool in others if self._can(tool, layer)]

    def _can(self, tool: Tool, layer: str) -> bool:
        """Whether an analysis can be run on a layer; asked once, for the answer takes milliseconds."""
        if (tool.id, layer) not in self._possible:
            try:
                self.lens.plan(tool.id, layer=layer)
            except NNLensError:
                self._possible[tool.id, layer] = False
            else:
                self._possible[tool.id, layer] = True
        return self._possible[tool.id, layer]

    def computing(self, layer: str) -> Task | None:
        """Return the job that is to say more of a layer, while it runs."""
        task = self._tasks.get(layer)
        return task if task is not None and task.running else None

    def compute(
        self, tool: Tool, stop: Stop, done: Callable[[xr.Dataset], Any], left: Callable[[], Any]
    ) -> None:
        """Have an analysis computed on a layer; one at a time."""
        if self.computing(stop.name) is None:
            self._tasks[stop.name] = self.work.submit(
                tool.id, f"{tool.title} of {stop.title}", lambda result: self._arrived(stop.name, result, done),
                {"layer": stop.name}, left=left,
            )  # fmt: skip

    def cancel(self, layer: str) -> None:
        """Do not wait for the job of a layer."""
        task = self.computing(layer)
        if task is not None:
            self.work.cancel(task)

    def _arrived(self, layer: str, result: xr.Dataset, done: Callable[[xr.Dataset], Any]) -> None:
        self._results.pop(layer, None)
        done(result)

    def look_again(self) -> bool:
        """Forget what is stored if a job has ended since the last call; return whether one has."""
        before, self._ended = self._ended, sum(task.ended for task in self.work.tasks)
        if self._ended != before:
            self._results.clear()
        return self._ended != before


def on_layer(lens: Lens, layer: str) -> list[ResultInfo]:
    """List the results on a layer, oldest first."""
    return [info for info in lens.results() if info.attrs.get("layer") == layer]


def latest(lens: Lens, tool: Tool, infos: Sequence[ResultInfo]) -> xr.Dataset | None:
    """Return the latest result of an analysis among these, if one can be read."""
    keys = [info.key for info in reversed(infos) if info.analysis == tool.id]
    return next((result for key in keys if (result := lens.result(key)) is not None), None)
