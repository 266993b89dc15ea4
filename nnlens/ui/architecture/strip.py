"""The strip of layers: boxes that show a layer on a map, fold and unfold, with the faces of the sample in focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nnlens.schema import INPUT
from nnlens.ui.architecture import drawing
from nnlens.ui.architecture.boxes import is_bar
from nnlens.ui.architecture.drawing import Look
from nnlens.ui.architecture.faces import Faces, Focused
from nnlens.ui.architecture.folding import face_of
from nnlens.ui.architecture.graph import graph_of
from nnlens.ui.architecture.measures import Measures
from nnlens.ui.architecture.scene import Scene
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work
from nnlens.ui.look.live import Faced

WAITING = ("", "bone")
"""How a face is drawn that is on its way."""


class Strip:
    """The network of a run.

    Parameters
    ----------
    session : Session
    stops : list of Stop
        Layers that a map can show.
    work : Work
    catalog : Catalog
    measures : Measures
        What stands in bold below the boxes.
    """

    def __init__(
        self, session: Session, stops: list[Stop], work: Work, catalog: Catalog, measures: Measures
    ) -> None:
        self.session, self.measures = session, measures
        self.stops = {stop.name: stop for stop in stops}
        store = session.lens.store if session.lens else None
        pixels = self.stops[INPUT].shape if INPUT in self.stops else ()
        layers = (store.graph or [layer.info for layer in store.layers]) if store else []
        self.scene = Scene(graph_of(layers, pixels))
        self.view = Faced(
            actions={"layer": self._picked, "fold": lambda key, _: self._fold(key)},
            guard=session.guard,
            css="architecture.css",
            sizing_mode="stretch_both",
        )
        self._place = {layer.name: at for at, layer in enumerate(self.scene.layers)}
        self.focused = Focused(session, work, catalog.layer_means, self._dress)
        session.state.param.watch(session.guard(lambda _: self.paint()), ["map_a", "map_b"])
        session.state.param.watch(session.guard(lambda _: self._refold()), "folds")
        session.hub.register("faces", lambda _: self.focused.ask(), "focus")
        measures.param.watch(session.guard(lambda _: self.paint()), "changes")
        self._rest()

    def paint(self) -> None:
        """Draw the network with its pins and measures."""
        state, measures = self.session.state, self.measures
        pins = {"A": state.map_a.layer, "B": state.map_b.layer}
        look = Look(self.stops, pins, measures.words, measures.title, measures.busy)
        self.view.show(drawing.strip(self.scene, look))

    def _rest(self) -> None:
        """Draw what another folding asks for."""
        self.paint()
        parts, layout = self.scene.shown, self.scene.layout
        boxes = [(face_of(part), layout.boxes[part.key]) for part in parts if not is_bar(part)]
        self.focused.want((layer, box.width, box.height) for layer, box in boxes)
        self.measures.want([layer.name for layer, _ in boxes if layer.name in self.stops])

    def _fold(self, key: str) -> None:
        """Fold a group, or unfold it; the address keeps it."""
        number, state = self.scene.number(key), self.session.state
        if number is not None:
            state.folds = sorted({*state.folds} ^ {number})

    def _refold(self) -> None:
        state = self.session.state
        there = self.scene.turn(state.folds)
        if there != state.folds:
            self.session.report("The address folds layers that this network does not have.", "info")
            state.folds = there
        else:
            self._rest()

    def _picked(self, layer: str, keys: Mapping[str, Any]) -> None:
        if layer in self.stops:
            which = "map_b" if keys.get("shift") else "map_a"
            shown = getattr(self.session.state, which)
            self.session.state.param.update(**{which: replace(shown, layer=layer, extent=None)})

    def _dress(self, faces: Faces, more: bool) -> None:
        """Put the faces on; where they are on their way, boxes breathe."""
        waiting = {name: WAITING for name in self.focused.wanted if more and name not in faces}
        dressed = {**waiting, **faces}
        self.view.faces = {str(self._place[name]): list(drawn) for name, drawn in dressed.items()}
