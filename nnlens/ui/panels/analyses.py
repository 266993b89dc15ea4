"""The tab of analyses: controls made from the parameters of any analysis on the data set, and a face for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import xarray as xr

from nnlens.errors import NNLensError
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.core.extras import take_columns
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.fields import Choice
from nnlens.ui.look.forms import ParameterForm
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, button, empty
from nnlens.ui.look.progress import state_words
from nnlens.ui.look.text import error_words, fill, plain, seconds
from nnlens.ui.look.theme import static
from nnlens.ui.maps.projecting import default_layer
from nnlens.ui.panels.faces import Face

if TYPE_CHECKING:
    from nnlens.lens import Lens


class Analyses:
    """Any analysis on the whole data set that draws no map.

    Parameters
    ----------
    session : Session
    lens : Lens
    work : Work
    catalog : Catalog
    layers : list of Stop
    """

    def __init__(
        self, session: Session, lens: Lens, work: Work, catalog: Catalog, layers: list[Stop]
    ) -> None:
        self.session, self.lens, self.work, self.tools = session, lens, work, catalog.others
        self.layer = default_layer(session, layers)
        self.tool: Tool = next(filter(self._possible, self.tools), self.tools[0])
        self._values: dict[str, Any] = {}
        self._tasks: dict[str, Task] = {}
        self._face: Face | None = None
        guard = session.guard
        picker = Choice(
            "Analysis",
            [(t.title, t.id) for t in self.tools],
            self.tool.id,
            self._pick,
            "What is computed.",
            guard=guard,
        )
        self._layer_row = Choice(
            "Layer",
            [(f"{s.title} · {s.dims}", s.name) for s in layers],
            self.layer,
            self._pick_layer,
            "The layer whose vectors are looked at.",
            guard=guard,
        )
        self._form = ParameterForm(self._changed, guard)
        self._doc = Live(css="controls.css", margin=(4, 16))
        self._do = Live(
            actions={"compute": lambda *_: self.compute()}, guard=session.guard, css="controls.css"
        )
        self._head = Live(css="bottom.css", height=24, margin=(8, 16, 0, 16))
        self._body = pn.Column(**FILL, styles={"overflow": "hidden"})
        controls = pn.Column(
            picker,
            self._doc,
            self._layer_row,
            self._form.view,
            pn.Row(self._do, self._form.more, sizing_mode="stretch_width", margin=(2, 16), height=34),
            **FILL,
            styles={"overflow-y": "auto", "background": "var(--nn-surface)", "padding-top": "8px"},
        )
        right = pn.Column(self._head, self._body, **FILL, styles={"background": "var(--nn-surface)"})
        self.view = pn.Column(controls, right, **FILL, stylesheets=[static("analyses.css")])
        work.param.watch(guard(lambda _: self._tell()), "changes")
        self._pick(self.tool.id)

    def compute(self) -> None:
        """Compute what the controls say; Compute was pressed."""
        tool = self.tool
        settle = lambda result: self._arrived(tool, result)  # noqa: E731
        try:
            self._tasks[tool.id] = self.work.submit(
                tool.id, tool.title, settle, self._request(), failed=lambda error: self._failed(tool, error)
            )
        except NNLensError as error:
            self._failed(tool, error)
        self._tell()

    def _possible(self, tool: Tool) -> bool:
        """Whether this run has what an analysis requires."""
        try:
            layer = {"layer": self.layer} if self.lens.wants_layer(tool.id) else {}
            self.lens.plan(tool.id, **layer)
        except NNLensError:
            return False
        return True

    def _pick(self, analysis: str) -> None:
        self.tool = next(tool for tool in self.tools if tool.id == analysis)
        self._values = {}
        self._form.show(self.tool.cls, {})
        self._doc.show(fill('<div class="cap">{doc}</div>', doc=self.tool.doc))
        self._layer_row.visible = self.lens.wants_layer(self.tool.id)
        self._look()

    def _pick_layer(self, layer: str) -> None:
        self.layer = layer
        self._look()

    def _changed(self, values: dict[str, Any]) -> None:
        self._values = values
        self._look()

    def _request(self) -> dict[str, Any]:
        return {**({"layer": self.layer} if self._layer_row.visible else {}), **self._values}

    def _look(self) -> None:
        """Show the result that is there already, else what the controls offer."""
        try:
            found = self.lens.cached(self.tool.id, **self._request())
        except NNLensError as error:
            self._failed(self.tool, error)
            return
        if found is not None:
            self._arrived(self.tool, found)
        else:
            self._say("Not computed yet", "Press Compute." + self._time())
        self._tell()

    def _time(self) -> str:
        try:
            words = seconds(self.lens.estimate(self.tool.id, **self._request()))
        except NNLensError:
            words = ""
        return f" It takes {words}." if words else ""

    def _tell(self) -> None:
        """Offer Compute, or say how far the job is."""
        task = self._tasks.get(self.tool.id)
        if task is not None and task.running:
            self._do.show(
                fill(
                    '<div class="compute cap"><span class="spin"></span>{words}</div>',
                    words=state_words(task),
                )
            )
        else:
            self._do.show(
                fill('<div class="compute">{button}</div>', button=button("Compute", "compute", kind="main"))
            )

    def _arrived(self, tool: Tool, result: xr.Dataset) -> None:
        if tool is not self.tool:
            return
        take_columns(self.session, tool, result)
        self._close()
        self._face = Face(self.session, self.lens.registry, result)
        self._body[:] = [self._face.view]
        self._head.show(
            fill(
                '<div class="h3"><span class="cut">{title}</span><span class="cap cut">{caption}</span></div>',
                title=plain(result.attrs.get("title", tool.title), 80),
                caption=plain(result.attrs.get("caption", ""), 160) if result.attrs.get("caption") else "",
            )
        )

    def _failed(self, tool: Tool, error: BaseException) -> None:
        if tool is self.tool:
            self._say(*error_words(error))

    def _say(self, title: str, *lines: str) -> None:
        self._close()
        self._head.show(fill('<div class="h3"><span>{title}</span></div>', title=self.tool.title))
        self._body[:] = [Live(empty(title, *filter(None, lines)), css="bottom.css")]

    def _close(self) -> None:
        if self._face is not None:
            self._face.close()
        self._face = None
