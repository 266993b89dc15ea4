"""The strip of layers: boxes that show a layer on a map, fold and unfold, with the faces of the sample in focus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nnlens.schema import INPUT
from nnlens.state import ids_in
from nnlens.ui.architecture import drawing
from nnlens.ui.architecture.boxes import is_bar
from nnlens.ui.architecture.drawing import Look
from nnlens.ui.architecture.faces import Faces, Focused
from nnlens.ui.architecture.folding import face_of
from nnlens.ui.architecture.graph import graph_of
from nnlens.ui.architecture.measures import Measures
from nnlens.ui.architecture.scene import Scene
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.choices import choose, follow
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work
from nnlens.ui.look.live import Faced

FOLDS = "folds"
"""What the address calls the groups that were folded or unfolded by hand: their numbers in the network."""
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
        self._turned: list[int] = []
        self._places = {layer.name: at for at, layer in enumerate(self.scene.layers)}
        self.focused = Focused(session, work, catalog.layer_means, self._dress)
        session.state.param.watch(session.guard(lambda _: self.paint()), ["map_a", "map_b"])
        session.hub.register("faces", lambda _: self.focused.ask(), "focus")
        measures.param.watch(session.guard(lambda _: self.paint()), "changes")
        self._rest()
        follow(session, FOLDS, self._refold)

    def place(self, layer: str) -> int:
        """Return the place of a layer in the network."""
        return self._places[layer]

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
        number = self.scene.number(key)
        if number is not None:
            turned = {*self._turned} ^ {number}
            choose(self.session, FOLDS, ",".join(map(str, sorted(turned))))

    def _refold(self, text: str) -> None:
        """Fold what was chosen; of a link what this network has."""
        wanted = _numbers(text)
        self._turned = self.scene.turn(wanted)
        if len(self._turned) < len(wanted):
            self.session.report("The address folds layers that this network does not have.", "info")
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
        self.view.faces = {str(self.place(name)): list(drawn) for name, drawn in dressed.items()}


def _numbers(text: str) -> set[int]:
    """Read the numbers of groups; what is none is left out."""
    return {*ids_in([word[:6] for word in text.split(",")])}
