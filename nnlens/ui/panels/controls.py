"""The controls at the left: which map, its layer, method and parameters; color, classes, filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn

from nnlens.lens.requesting import is_key
from nnlens.ui.core.aside import aside
from nnlens.ui.core.data import CLASS_LOSS
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop, Which
from nnlens.ui.look.fields import Choice
from nnlens.ui.look.forms import ParameterForm
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import WIDE, icon
from nnlens.ui.look.text import fill, plain
from nnlens.ui.look.upload import FileButton
from nnlens.ui.maps.projecting import Projecting
from nnlens.ui.maps.stored import ENDINGS, LARGEST, stored_maps, take_file
from nnlens.ui.panels.classes import ClassChips
from nnlens.ui.panels.filters import FilterField
from nnlens.ui.panels.made_of import MadeOf

COLORS: tuple[tuple[str, str], ...] = (
    ("Label", "label"),
    ("Prediction", "prediction"),
    ("Loss", "loss"),
    ("Label × loss", CLASS_LOSS),
)
COLORS_DOC = """What colors the points of both maps.
Loss: the stronger, the higher. Label × loss: the color of the label, stronger where the loss is higher."""


OWN = "A map that was made elsewhere: two or three numbers a sample, in the order of the run or with a column id."


class MapControls:
    """What one map shows: layer, method, parameters, and Compute where it is not there yet."""

    def __init__(self, session: Session, projecting: Projecting, layers: Sequence[Stop]) -> None:
        self.session, self.projecting = session, projecting
        self.which: Which = "a"
        self._layers = [(f"{stop.title} · {stop.dims}", stop.name) for stop in layers]
        guard = session.guard
        self._switch = Choice(
            "map",
            [("A", "a"), ("B", "b")],
            "a",
            self._switched,
            guard=guard,
            bare=True,
            few=True,
            margin=(10, 16, 2, 16),
        )
        self._layer = Choice(
            "Layer",
            self._layers,
            None,
            lambda layer: self._want(layer=layer),
            "The layer whose vectors the map shows; the strip above picks it too.",
            guard=guard,
        )
        self._method = Choice("Method", [], None, self._want_method, self._docs(), guard=guard)
        self._offer()
        self._own = FileButton(
            self._taken, guard, label="own coordinates…", title=OWN, accept=",".join(ENDINGS), limit=LARGEST
        )
        self._made_of = MadeOf(session, guard(lambda samples: self._want(samples=samples)))
        self._form = ParameterForm(lambda values: self._want(parameters=values), guard)
        self._compute = Live(
            actions={"compute": lambda *_: projecting.compute(self.which)},
            guard=session.guard,
            css="controls.css",
            height=34,
        )
        session.state.param.watch(guard(lambda _: self.show()), ["map_a", "map_b"])
        projecting.param.watch(guard(lambda _: self._paint()), "changes")
        self.view = pn.Column(
            self._switch,
            self._layer,
            self._method,
            self._own,
            self._made_of.view,
            self._form.view,
            pn.Row(self._compute, self._form.more, sizing_mode="stretch_width", margin=(0, 16), height=34),
            **WIDE,
        )
        self.show()

    def show(self) -> None:
        """Show the state of the map that the switch names."""
        state = self.projecting.state(self.which)
        titles = {w: self.projecting.title_of(self.projecting.state(w).layer) for w in ("a", "b")}
        with pn.io.hold():
            self._switch.options = [
                (f"A · {plain(titles['a'], 14)}", "a"),
                (f"B · {plain(titles['b'], 14)}", "b"),
            ]
            if state.layer:
                self._layer.value = state.layer
            self._made_of.show(state.samples)
            tool = self.projecting.catalog.tool(state.analysis)
            for part in (self._made_of.view, self._form.view, self._form.more):
                part.visible = tool is not None
            if tool is not None:
                self._method.value = tool.id
                self._form.show(tool.cls, state.parameters)
            else:  # a map that was made elsewhere, or what an address asks for and nobody has
                if is_key(state.analysis):
                    self._offer(state.analysis)
                self._method.value = state.analysis or None
            self._paint()

    def _offer(self, key: str = "") -> None:
        """Offer what can draw a map, and the maps that were made elsewhere; again where one of a key is new."""
        if key in self._method.options.values():
            return
        catalog = self.projecting.catalog
        tools = [(tool.title, tool.id) for tool in catalog.projections]
        options = [*tools, *stored_maps(self.projecting.lens, catalog)]
        self._method.options = options
        self._method.visible = len(options) > 1

    def _taken(self, name: str, content: bytes) -> None:
        """Show the coordinates of a file that was chosen, once it is read: other pages do not wait for that."""
        which, lens = self.which, self.projecting.lens
        self._own.busy = plain(name, 24)

        def read() -> str | Exception:
            try:
                return take_file(lens, name, content)
            except Exception as error:  # told on the page's own thread, once the button is free again
                return error

        aside(self.session, read, lambda found: self._came(which, found))

    def _came(self, which: Which, found: str | Exception) -> None:
        self._own.busy = ""
        if isinstance(found, Exception):
            raise found
        self.projecting.want(which, analysis=found, parameters={})

    def _docs(self) -> str:
        return "\n".join(f"{tool.title}: {tool.doc}" for tool in self.projecting.catalog.projections)

    def _switched(self, which: Which) -> None:
        self.which = which
        self.show()

    def _want(self, **changes: Any) -> None:
        self.projecting.want(self.which, **changes)

    def _want_method(self, method: str) -> None:
        self._want(analysis=method, parameters={})

    def _paint(self) -> None:
        """Show the button where something can be computed, and the job where it is."""
        place = self.projecting.places[self.which]
        if place.offer is not None:
            self._compute.show(
                fill(
                    '<div class="compute"><button class="do main" type="button" data-act="compute" '
                    'data-key="compute">{icon}'
                    ' Compute</button><span class="cap">{time}</span></div>',
                    icon=icon("play_arrow"),
                    time=self.projecting.offer_text(self.which),
                )
            )
        elif place.task is not None and place.task.running:
            self._compute.show(fill('<div class="compute cap"><span class="spin"></span>computing…</div>'))
        else:
            self._compute.show(fill(""))


class ColorChoice:
    """What colors the points of both maps: label, prediction, loss, or a column that a result brought."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = Choice(
            "Color by",
            self._options(),
            session.state.color_by,
            self._choose,
            COLORS_DOC,
            guard=session.guard,
        )
        session.param.watch(session.guard(lambda _: self._renew()), "columns")
        session.state.param.watch(session.guard(lambda event: self._follow(event.new)), "color_by")

    def _options(self) -> list[tuple[str, str]]:
        data = self.session.data
        extras = [(plain(name.replace("_", " "), 24), name) for name in data.extras]
        return [*(color for color in COLORS if color[1] in data.colorings), *extras]

    def _choose(self, variable: str) -> None:
        self.session.state.color_by = variable

    def _renew(self) -> None:
        self.view.options = self._options()
        self._follow(self.session.state.color_by)

    def _follow(self, variable: str) -> None:
        self.view.value = variable


def build(session: Session, projecting: Projecting, layers: Sequence[Stop]) -> tuple[pn.Column, FilterField]:
    """Build the whole column of controls; the field of the filter comes back too, for its key."""
    field = FilterField(session)
    line = Live(fill('<div class="rule"></div>'), css="controls.css", height=9)
    maps = [MapControls(session, projecting, layers).view] if projecting.catalog.projections else []
    column = pn.Column(
        *maps,
        line,
        ColorChoice(session).view,
        ClassChips(session).view,
        field.view,
        sizing_mode="stretch_width",
        margin=0,
    )
    return column, field
