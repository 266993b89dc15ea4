"""A number a layer, in bold below its box: from results that are there, and computed where they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import param
import xarray as xr

from nnlens.errors import NNLensError
from nnlens.ui.core.catalog import DEAD, Catalog, Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.text import percent, plain, share

if TYPE_CHECKING:
    from nnlens.lens import Lens

SHARE = next(iter(DEAD))
"""The variable of a result whose mean over channels is shown."""


class Measures(param.Parameterized):
    """What is known of the layers by one measure, and what is on its way.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    """

    changes = param.Integer(default=0, doc="Counts up whenever a number, the measure or a job changes.")

    def __init__(self, session: Session, work: Work, catalog: Catalog) -> None:
        super().__init__()
        self.session, self.work = session, work
        self.tools = [tool for tool in catalog.measures if self._on_layer(tool)]
        self.tool: Tool | None = next(iter(self.tools), None)
        self.task: Task | None = None
        self._wanted: list[str] = []
        self._queue: list[str] = []
        self._known: dict[str, dict[str, xr.Dataset]] = {}
        self._seen = 0
        self._impossible: dict[str, set[str]] = {}
        self._times: dict[tuple[str, str], float | None] = {}
        work.param.watch(session.guard(lambda _: self._look_again()), "changes")

    @property
    def title(self) -> str:
        """What the measure is called."""
        return self.tool.title.lower() if self.tool is not None else ""

    @property
    def words(self) -> Mapping[str, str]:
        """By layer the number, as written."""
        known = self._results()
        return {layer: _written(result) for layer, result in known.items()}

    @property
    def busy(self) -> frozenset[str]:
        """Layers that are being computed, or wait for it."""
        return frozenset(self._queue)

    @property
    def missing(self) -> list[str]:
        """Layers that are drawn and have no number yet, of those that can have one."""
        if self.tool is None:
            return []
        known, not_for = self._results(), self._impossible.setdefault(self.tool.id, set())
        return [layer for layer in self._wanted if layer not in known and layer not in not_for]

    def want(self, layers: Sequence[str]) -> None:
        """Say which layers are drawn."""
        self._wanted = list(layers)
        self.changes += 1

    def pick(self, analysis: str) -> None:
        """Show another measure."""
        self.stop()
        self.tool = next((tool for tool in self.tools if tool.id == analysis), self.tool)
        self.changes += 1

    def seconds(self) -> float | None:
        """Estimate how long what is missing takes; None where nobody knows."""
        times = [self._estimate(layer) for layer in self.missing]
        known = [time for time in times if time is not None]
        return sum(known) if len(known) == len(times) else None

    def _estimate(self, layer: str) -> float | None:
        """Estimate one layer, once: the cell beside the strip says it again at each focus."""
        lens, tool = self.session.lens, self.tool
        if lens is None or tool is None:
            return None
        if (tool.id, layer) not in self._times:
            try:
                self._times[tool.id, layer] = lens.estimate(tool.id, layer=layer)
            except NNLensError:
                self._impossible[tool.id].add(layer)
                self._times[tool.id, layer] = 0.0
        return self._times[tool.id, layer]

    def compute(self) -> None:
        """Compute what is missing, one layer after the other."""
        self._queue = self.missing
        self._next()

    def stop(self) -> None:
        """Compute no more; what is there stays."""
        self._queue = []
        task, self.task = self.task, None
        if task is not None:
            self.work.drop(task)
        self.changes += 1

    def _next(self) -> None:
        self.task = None
        tool = self.tool
        while self._queue and tool is not None and self.task is None:
            layer = self._queue[0]
            try:
                self.task = self.work.submit(
                    tool.id,
                    f"{tool.title} of {plain(layer)}",
                    partial(self._arrived, tool, layer),
                    {"layer": layer},
                    failed=partial(self._failed, tool, layer),
                    left=self.stop,
                )
            except NNLensError as error:
                self._skip(tool, layer, error)
        self.changes += 1

    def _arrived(self, tool: Tool, layer: str, result: xr.Dataset) -> None:
        self._known.setdefault(tool.id, {})[layer] = result
        if layer in self._queue:
            self._queue.remove(layer)
            self._next()

    def _failed(self, tool: Tool, layer: str, error: BaseException) -> None:
        if layer in self._queue:
            self._skip(tool, layer, error)
            self._next()

    def _skip(self, tool: Tool, layer: str, error: BaseException) -> None:
        """Go on without a layer that cannot be measured, with a word."""
        self._queue.remove(layer)
        self._impossible.setdefault(tool.id, set()).add(layer)
        self.session.report(error, "warning")

    def _results(self) -> Mapping[str, xr.Dataset]:
        """Return the results of the measure by layer, the latest ones, read once."""
        lens, tool = self.session.lens, self.tool
        if lens is None or tool is None:
            return {}
        if tool.id not in self._known:
            self._known[tool.id] = _stored(lens, tool.id)
        return self._known[tool.id]

    def _look_again(self) -> None:
        """Take up what another part of the page had computed."""
        ended = sum(not task.running for task in self.work.tasks)
        if ended != self._seen and not self._queue:
            self._seen = ended
            self._known.clear()
            self.changes += 1

    def _on_layer(self, tool: Tool) -> bool:
        lens = self.session.lens
        try:
            return lens is not None and lens.wants_layer(tool.id)
        except NNLensError:
            return False


def _stored(lens: Lens, analysis: str) -> dict[str, xr.Dataset]:
    found: dict[str, xr.Dataset] = {}
    for info in lens.results():
        layer = str(info.attrs.get("layer") or "")
        if info.analysis == analysis and layer:
            result = lens.result(info.key)
            if result is not None:
                found[layer] = result
    return found


def _written(result: xr.Dataset) -> str:
    """Write the number of a result: a share of channels as a percentage, a single number as it is."""
    if SHARE in result and result[SHARE].dims == DEAD[SHARE]:
        return percent(float(np.mean(result[SHARE].values)), 0)
    single = next((array for array in result.data_vars.values() if array.ndim == 0), None)
    return "–" if single is None or not np.isfinite(float(single)) else share(float(single))
