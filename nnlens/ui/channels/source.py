"""Which channels are looked at, and where what is known of them comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import param
import xarray as xr

from nnlens.errors import AnalysisError, NNLensError
from nnlens.schema import INPUT
from nnlens.ui.channels.known import Known
from nnlens.ui.channels.measures import INDEX, Measure, distinct, id_of, of_result, of_sample
from nnlens.ui.channels.reading import first_layer, looked_up, outcome, tell
from nnlens.ui.core.aside import aside
from nnlens.ui.core.catalog import OF_CHANNELS, Catalog, Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Task, Work

if TYPE_CHECKING:
    from nnlens.lens import Lens

Error = BaseException | None
PATIENCE = 0.3
"""Seconds that what is shown stays while something else is on its way."""


class ChannelSource(param.Parameterized):
    """The maps of one layer for the sample in focus, with the numbers that sort its channels.

    A layer that the run holds is looked at as the focus moves. Of any other the first look costs a pass through the
    network and is asked for; it is kept, and from then on that layer is looked at too.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    layers : list of Stop

    Attributes
    ----------
    result : Dataset or None
        The maps of the sample in focus.
    trouble : Exception or None
        What kept them from being there.
    waiting : bool
        Whether they are on their way.
    task : Task or None
        The job that makes them, where it takes one.
    """

    changes = param.Integer(default=0, doc="Counts up whenever there is something else to show.")
    layer = param.String(default="", doc="The layer whose channels are looked at.")
    sort = param.String(default="", doc="What they are sorted by; empty is the first that there is.")

    def __init__(self, session: Session, work: Work, catalog: Catalog, layers: list[Stop]) -> None:
        super().__init__(layer=first_layer(session, layers))
        self.session, self.work, self.catalog, self.layers = session, work, catalog, layers
        self.tool: Tool = catalog.feature_maps[0]
        self.result: xr.Dataset | None = None
        self.trouble: Error = None
        self.task: Task | None = None
        self.waiting = False
        self._asked: set[str] = set()
        self._asks = 0
        self.known = Known(session, work, catalog)
        self._stale = True
        self.views: list[Any] = []
        guard = session.guard
        session.hub.register("channels", lambda _: self.ask(), "focus")
        for which in ("map_a", "map_b"):
            session.state.param.watch(guard(self._picked), which)
        session.state.param.watch(guard(self._clicked), "channel_layer")
        work.param.watch(guard(lambda _: self._moved()), "changes")
        self.param.watch(guard(lambda _: self.ask()), "layer")

    # ------------------------------------------------------------------------------------------------ what is looked at
    @property
    def lens(self) -> Lens:
        """The run."""
        if self.session.lens is None:
            raise AnalysisError("This page has data but no run, so nothing can be computed.")
        return self.session.lens

    @property
    def stop(self) -> Stop:
        """The layer as the page shows it."""
        return next((stop for stop in self.layers if stop.name == self.layer), self.layers[0])

    @property
    def held(self) -> bool:
        """Whether the run holds the layer in full, so that its maps come at once."""
        return self._holds(self.layer)

    def _holds(self, name: str) -> bool:
        return name == INPUT or any(layer.name == name for layer in self.lens.store.layers if layer.kept)

    @property
    def dense(self) -> bool:
        """Whether the layer is flat, so that its units are one map."""
        return not self.stop.spatial

    @property
    def count(self) -> int:
        """How many channels, or units, the layer has."""
        return self.stop.shape[0]

    def _picked(self, event: Any) -> None:
        """Look at the layer that was picked for a map; the first one of a page is nobody's choice."""
        if event.old.layer and event.new.layer != event.old.layer:
            self._look(event.new.layer)

    def _clicked(self, event: Any) -> None:
        self._look(event.new)

    def _look(self, layer: str) -> None:
        if any(stop.name == layer for stop in self.layers):
            self.layer = layer

    # ------------------------------------------------------------------------------------------------ the maps
    def request(self, **more: Any) -> dict[str, Any]:
        """Return the arguments for the Lens: this layer, and the sample in focus."""
        return {"layer": self.layer, "sample": [int(self.session.state.focus or 0)], **more}

    def ask(self) -> None:
        """Show the maps of the sample in focus: those that are there, else those that come at once.

        To look whether they are there takes longer than a push may, so it is done aside; until then what is shown
        stays, for a moment.
        """
        self._leave()
        self.trouble = None
        if self.result is not None and self.result.attrs.get("layer", self.layer) != self.layer:
            self.result = None  # the maps of one layer must not stand under the name of another
        self._stale = all(view.hidden for view in self.views)
        if self._stale or self.session.data.position(self.session.state.focus) is None:
            self.result = None
            self._tell()
            return
        self.waiting = True
        wanted, request = self._wanted, self.request()
        aside(
            self.session,
            partial(looked_up, self.lens, self.tool, request, self.held),
            partial(self._looked, wanted),
        )
        if self.waiting:
            self.session.soon(PATIENCE, partial(self._lose_patience, wanted))

    @property
    def _wanted(self) -> tuple[str, int | None, int]:
        """What was asked for last."""
        return self.layer, self.session.state.focus, self._asks

    def _looked(self, wanted: tuple[str, int | None, int], found: xr.Dataset | Exception | None) -> None:
        if wanted != self._wanted:
            return
        self.trouble, self.waiting = None, False
        if isinstance(found, Exception):
            self.trouble, found = found, None
        self.result = found
        if found is None and self.trouble is None and wanted[0] in self._asked:
            self._submit(listed=False)
        self._tell()

    def _lose_patience(self, wanted: tuple[str, int | None, int]) -> None:
        """Show that something is on its way, rather than what was there before."""
        if self.waiting and wanted == self._wanted:
            self.result = None
            self._tell()

    def catch_up(self) -> None:
        """Ask for what was left while nobody looked."""
        if self._stale:
            self.ask()

    def compute(self) -> None:
        """Send the sample through the network; Compute was pressed."""
        self._leave()
        self._asked.add(self.layer)
        self.result = self.trouble = None
        self._submit(listed=True)
        self._tell()

    def cancel(self) -> None:
        """Do not wait for the maps."""
        self._asked.discard(self.layer)
        if self.task is not None:
            self.work.cancel(self.task)

    def run(
        self,
        tool: Tool,
        request: Mapping[str, Any],
        done: Callable[[xr.Dataset], Any],
        failed: Callable[[BaseException], Any],
        *,
        listed: bool = False,
        left: Callable[[], Any] | None = None,
    ) -> Task | None:
        """Compute something of one sample: at once where the run holds the layer, else by a job, which it returns."""
        if self.held:
            # a moment of reading: it need not wait for a worker who may be busy for minutes
            aside(self.session, partial(outcome, self.lens, tool, request), partial(tell, done, failed))
            return None
        title = f"{tool.title} of {self.stop.title}"
        return self.work.submit(tool.id, title, done, request, failed=failed, left=left, listed=listed)

    def _submit(self, listed: bool) -> None:
        layer, sample = self.layer, self.session.state.focus
        settle, failed = partial(self._settle, layer, sample), partial(self._failed, layer, sample)
        try:
            self.waiting = True
            self.task = self.run(self.tool, self.request(), settle, failed, listed=listed, left=self._left)
        except NNLensError as error:
            failed(error)

    def _settle(self, layer: str, sample: int | None, result: xr.Dataset) -> None:
        if layer in self._asked and not self._holds(layer):
            self.lens.keep(result)
        if (layer, sample) == (self.layer, self.session.state.focus):
            self.task, self.result, self.waiting = None, result, False
            self._tell()

    def _failed(self, layer: str, sample: int | None, error: BaseException) -> None:
        self._asked.discard(layer)
        if (layer, sample) == (self.layer, self.session.state.focus):
            self.task, self.trouble, self.waiting = None, error, False
            self._tell()

    def _left(self) -> None:
        self.task, self.waiting = None, False
        self._tell()

    def _leave(self) -> None:
        if self.task is not None:
            self.work.drop(self.task)
        self.task, self.waiting = None, False
        self._asks += 1

    # ------------------------------------------------------------------------------------------------ their numbers
    @property
    def measures(self) -> list[Measure]:
        """What the channels can be sorted by, those of the sample first."""
        sample = self.session.state.focus
        own = of_sample(self.result) if self.result is not None and not self.dense else []
        return distinct(
            [
                *own,
                *(m for t, r in self.known.results(self.layer) for m in of_result(t, r, sample, self.count)),
            ]
        )

    @property
    def measure(self) -> Measure | None:
        """What the channels are sorted by; None is their index."""
        found = self.measures
        chosen = [each for each in found if each.id == self.sort]
        return None if self.sort == INDEX else next(iter(chosen or found), None)

    def measure_all(self, analysis: str) -> None:
        """Compute a number of each channel over all samples, then sort by it."""
        tool, layer = self.catalog.tool(analysis), self.layer
        if tool is not None:
            self.known.compute(tool, self.stop, partial(self._measured, tool, layer), self._tell)
            self._tell()

    def _measured(self, tool: Tool, layer: str, result: xr.Dataset) -> None:
        names = [
            name
            for name, dims in tool.cls.provides.items()
            if tuple(dims) == OF_CHANNELS[0] and name in result
        ]
        if layer == self.layer and names:
            self.sort = id_of(tool, names[0])
        self._tell()

    def _tell(self) -> None:
        self.changes += 1

    def _moved(self) -> None:
        """Look again for numbers once a job has ended; show how far the own ones are."""
        # not merely while it waits: between a new sample and its answer, what is there is still of the one before
        if self.known.look_again() or self.task is not None or self.known.computing(self.layer):
            self._tell()
