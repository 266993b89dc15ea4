"""The tab that finds the samples nearest to one: by its id, by a click, or to a picture from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import AnalysisError, NNLensError
from nnlens.lens.outside import Outside, submit_outside
from nnlens.lens.requesting import check_sample
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.choices import choose, follow, read_list
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.session import Session
from nnlens.ui.core.taking import cornered
from nnlens.ui.core.work import Work
from nnlens.ui.look.fields import SLIM, Choice, Line
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL
from nnlens.ui.look.text import plain
from nnlens.ui.query import drawing
from nnlens.ui.query.explained import Explained
from nnlens.ui.query.nearest import METRICS, Metric, nearest, place_of
from nnlens.ui.query.taking import query_out

if TYPE_CHECKING:
    from nnlens.lens import Lens

TITLE = "Query"
SHOWN = 12


@dataclass(frozen=True)
class Asked:
    """What neighbors are looked for of: a sample, or a picture from outside.

    Attributes
    ----------
    sample : int or None
    name : str
        Of the picture's file.
    content : bytes
        Of the picture's file.
    """

    sample: int | None = None
    name: str = ""
    content: bytes = field(default=b"", repr=False)


class Query(Hideable):
    """Finds what is nearest.

    Parameters
    ----------
    session : Session
    lens : Lens
    work : Work
    tool : Tool
        What gives a space to look in.
    explained : Explained, optional
        What explains a picture from outside.
    """

    def __init__(
        self, session: Session, lens: Lens, work: Work, tool: Tool, explained: Explained | None = None
    ) -> None:
        self.explained = explained or Explained(session, lens, work, [])
        self.explained.changed = self.paint
        self.session, self.lens, self.work, self.tool = session, lens, work, tool
        names = [layer.name for layer in lens.store.layers]
        hidden = str(lens.store.metadata.get("model", {}).get("hidden_layer", ""))
        self.layer = hidden if hidden in names else names[-1]
        self.metric: Metric = "L2"
        self.asked: Asked | None = None
        self.outside: Outside | None = None
        self.problem: BaseException | None = None
        self.near: list[tuple[int, float]] = []
        self.waiting = False
        self._spaces: dict[str, xr.Dataset] = {}
        self._coming, self._own_click = "", False
        guard = session.guard
        self.input = Line(
            guard(self.by_id), label="Sample", placeholder="Sample id, then enter", max_length=20, **SLIM
        )
        layers = [(name, name) for name in names]
        metrics = [(words, key) for key, words in METRICS.items()]
        self._layers = Choice("Layer", layers, self.layer, self._pick_layer, guard=guard)
        self._metrics = Choice("Measure", metrics, "L2", self._pick_metric, guard=guard)
        actions = {
            "focus": lambda sample, _: self._focus(int(sample)),
            "select": lambda *_: self.select(),
            "again": lambda *_: self.search(),
            "choose": lambda *_: None,
            **self.explained.actions,
        }
        self.choose = Live(drawing.chooser(self.explained.networks.takes), actions, guard, css=["query.css"])
        self.body = Live(
            actions=actions,
            guard=guard,
            css=["bottom.css", "tiles.css", "explain.css", "query.css"],
            sizing_mode="stretch_both",
        )
        self.view = cornered(pn.Row(self._controls(), self.body, **FILL), query_out(self))
        session.hub.register("query", guard(self._followed), "focus")
        self._followed(session.state.focus)
        self.paint()
        follow(session, "query", self._linked)

    def _controls(self) -> pn.Column:
        line = pn.Row(self.input, sizing_mode="stretch_width", margin=(8, 16, 4, 16), height=28)
        return pn.Column(
            line, self._layers, self._metrics, self.choose, width=231, sizing_mode="stretch_height", margin=0
        )

    # ----------------------------------------------------------------------------------------------------- asking
    def by_id(self, text: str) -> None:
        """Look for what is nearest to the sample whose id was typed."""
        try:
            sample = self._id_in(text)
        except AnalysisError as error:
            self.problem, self.near, self.asked = error, [], None
            self.paint()
            return
        self.session.state.focus = sample
        if self.asked is None or self.asked.sample != sample:
            self.by_sample(sample)

    def _id_in(self, text: str) -> int:
        word = text.strip().replace(",", "")
        if not word.isdecimal() or not word.isascii():
            raise AnalysisError(f"“{plain(text, 20)}” is no sample id.", "Ids are whole numbers, such as 7.")
        if int(word) >= 2**63:
            raise AnalysisError(f"The run has no sample {plain(word, 30)}.")
        found = check_sample(self.lens.store, [int(word)])
        return int(word) if found is None else found[0]

    def by_sample(self, sample: int) -> None:
        """Look for what is nearest to a sample."""
        self.asked, self.outside = Asked(sample), None
        self.search()

    def by_picture(self, name: str, content: bytes) -> None:
        """Look for what is nearest to a picture from outside."""
        self.asked, self.outside = Asked(None, name, content), None
        self.search()

    def search(self) -> None:
        """Look again, after having computed what is missing."""
        self.problem, self.near, self.waiting = None, [], True
        asked = self.asked
        self.explained.take(asked.content if asked else b"", asked.sample if asked else None)
        if asked is not None and self._space() is not None:
            self._answer(asked)
        self.paint()

    def _answer(self, asked: Asked) -> None:
        try:
            if asked.sample is None and self.outside is None:
                self._look(asked)
            else:
                self._find()
        except NNLensError as error:
            self.problem = error

    def _space(self) -> xr.Dataset | None:
        """Return the space of the layer, else have it computed."""
        if self.layer in self._spaces:
            return self._spaces[self.layer]
        if self._coming == self.layer:
            return None
        try:
            found = self.lens.cached(self.tool.id, layer=self.layer)
            if found is None:
                self._compute(self.layer)
                return None
        except NNLensError as error:
            self._failed(error)
            return None
        self._spaces[self.layer] = found
        return found

    def _compute(self, layer: str) -> None:
        """Have the space of a layer computed; of several, the last that was asked for is waited for."""
        self._coming = layer

        def ended(error: BaseException) -> None:
            if layer == self._coming:
                self._failed(error)

        self.work.submit(
            self.tool.id,
            f"{self.tool.title} of {plain(layer, 24)}",
            lambda result: self._arrived(layer, result),
            {"layer": layer},
            failed=ended,
            left=lambda: ended(AnalysisError("The space was not computed.", "Try again.")),
        )

    def _arrived(self, layer: str, result: xr.Dataset) -> None:
        self._spaces[layer] = result
        if layer == self._coming:
            self._coming = ""
        if layer == self.layer:
            self.search()

    def _failed(self, error: BaseException) -> None:
        self.problem, self._coming = error, ""
        self.paint()

    def _look(self, asked: Asked) -> None:
        """Have the model look at a picture."""
        layer = self.layer
        job = submit_outside(self.lens, asked.content, layer)
        job.watch(
            lambda job: self.session.later(lambda: self._seen(asked, layer, job)) if job.ended else None
        )

    def _seen(self, asked: Asked, layer: str, job: Any) -> None:
        if asked is not self.asked or layer != self.layer or self.outside is not None:
            return
        try:
            self.outside = job.result(timeout=5)
            self._find()
        except NNLensError as error:
            self.problem = error
        self.paint()

    def _find(self) -> None:
        space, place = self._spaces[self.layer], self._place()
        ids = space["sample"].values
        rows, away = nearest(space["vector"].values, place, SHOWN + 1, self.metric)
        sample = None if self.asked is None else self.asked.sample
        found = [
            (int(ids[row]), float(d)) for row, d in zip(rows, away, strict=True) if int(ids[row]) != sample
        ]
        self.near, self.waiting = found[:SHOWN], False

    def _place(self) -> NDArray[np.floating]:
        space = self._spaces[self.layer]
        if self.outside is not None:
            return place_of(space, self.outside.vector)
        row = np.flatnonzero(space["sample"].values == (self.asked.sample if self.asked else -1))
        if not len(row):
            raise AnalysisError(
                "This sample was left out: it has no finite values here.", "Choose another layer."
            )
        return np.asarray(space["vector"].values[row[0]])

    # --------------------------------------------------------------------------------------------------- choosing
    def select(self) -> None:
        """Select the samples that are shown, with the one that they are nearest to."""
        own = [self.asked.sample] if self.asked is not None and self.asked.sample is not None else []
        self.session.state.select(np.array([*own, *(sample for sample, _ in self.near)]), {"kind": "ids"})

    def _focus(self, sample: int) -> None:
        """Show a neighbor in the inspector, and stay with the question."""
        self._own_click = True
        try:
            self.session.state.focus = sample
        finally:
            self._own_click = False
        self.paint()

    def _followed(self, sample: int | None) -> None:
        known = self.session.data.position(sample) is not None
        if known and not self._own_click:
            self._look_for_focus()

    def _look_for_focus(self) -> None:
        sample = self.session.state.focus
        if sample is not None and not self.put_off(self._look_for_focus):
            self.by_sample(int(sample))

    def _pick_layer(self, layer: str) -> None:
        self.layer, self.outside = layer, None
        choose(self.session, "query", json.dumps([self.layer, self.metric]))
        self.search()

    def _pick_metric(self, metric: Metric) -> None:
        self.metric = metric
        choose(self.session, "query", json.dumps([self.layer, self.metric]))
        self.search()

    def _linked(self, text: str) -> None:
        """Look in the layer, and by the measure, that a link names."""
        for widget, wanted in zip((self._layers, self._metrics), read_list(text), strict=False):
            if wanted in widget.options.values() and wanted != widget.value:
                widget.pick(wanted)

    def paint(self) -> None:
        """Draw what is asked, and what is near to it."""
        self.body.show(drawing.body(self.session, self, self._spaces.get(self.layer)))
