"""Beside the strip: the model's name and size, what the faces and the bold numbers are, and two texts to read."""

from __future__ import annotations

import math

from markupsafe import Markup

from nnlens.ui.architecture.datacard import DataCard
from nnlens.ui.architecture.faces import Focused
from nnlens.ui.architecture.measures import Measures
from nnlens.ui.architecture.summary import model_summary
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import menu
from nnlens.ui.look.overlay import Overlay
from nnlens.ui.look.parts import button, icon_button
from nnlens.ui.look.text import count, fill, name, plain, quoted, seconds


class Beside:
    """The cell at the left end of the strip.

    Parameters
    ----------
    session : Session
    measures : Measures
    focused : Focused
        The faces.
    overlay : Overlay
        Where summary and data card are read.
    """

    def __init__(self, session: Session, measures: Measures, focused: Focused, overlay: Overlay) -> None:
        self.session, self.measures, self.focused, self.overlay = session, measures, focused, overlay
        actions = {
            "summary": lambda *_: self._show_summary(),
            "data": lambda *_: self._show_data(),
            "measure": lambda analysis, _: measures.pick(analysis),
            "compute": lambda *_: measures.compute(),
            "stop": lambda *_: measures.stop(),
        }
        self.view = Live(
            actions=actions,
            guard=session.guard,
            css=["controls.css", "explain.css", "architecture.css"],
            sizing_mode="stretch_height",
            css_classes=["about"],
        )
        measures.param.watch(session.guard(lambda _: self.paint()), "changes")
        session.hub.register("beside the strip", lambda _: self.paint(), "focus")
        self.paint()

    def paint(self) -> None:
        """Write the cell."""
        store = self.session.lens.store if self.session.lens else None
        if store is None:
            return
        title = store.metadata.get("model", {}).get("name", store.name) if store.has_model else "Embeddings"
        self.view.show(
            fill(
                '<div class="model"><div class="top"><span class="b cut" title="{full}">{title}</span>{summary}{data}'
                '</div><div class="cap cut">{size}</div><div class="cap cut" title="{faces}">{faces}</div>'
                '<div class="cap last">{measure}</div></div>',
                full=quoted(title),
                title=name(title),
                summary=icon_button("account_tree", "the network, layer by layer", "summary"),
                data=icon_button("dataset", "the data", "data"),
                size=self._size(),
                faces=self._faces(),
                measure=self._measure(),
            )
        )

    def _size(self) -> str:
        store = self.session.lens.store if self.session.lens else None
        if store is None or not store.has_model:
            units = math.prod(store.layers[0].info.shape) if store is not None else 0
            return f"{count(units)} units · made elsewhere"
        total = sum(layer.parameters for layer in store.graph)
        return f"{count(len(store.graph))} layers · {count(total)} parameters"

    def _faces(self) -> str:
        data, focus = self.session.data, self.session.state.focus
        if not data.scored:
            return "no network, so no predictions"
        if data.position(focus) is None or focus is None:
            return "faces: click a sample, or press j"
        return f"faces: mean activation, sample {count(focus)}"

    def _measure(self) -> Markup:
        """Name what is bold; offer to compute what is missing, or say how far it is."""
        measures = self.measures
        if measures.tool is None:
            return fill("click: map A · shift click: map B")
        options = [(tool.id, plain(tool.title.lower(), 24)) for tool in measures.tools]
        chosen = menu("measure", "what stands in bold below the layers", options, measures.tool.id)
        if measures.busy:
            words = f"{len(measures.busy)} to go"
            return fill(
                '<span>bold:</span>{menu}<span class="spin"></span><span class="cut" role="status">{words}</span>'
                "{stop}",
                menu=chosen,
                words=words,
                stop=button("cancel", "stop", kind="link", title="cancel; what is there stays"),
            )
        missing = len(measures.missing)
        offer = button("compute", "compute", kind="link", title=self._offer(missing)) if missing else ""
        return fill("<span>bold:</span>{menu}{offer}", menu=chosen, offer=offer)

    def _offer(self, missing: int) -> str:
        tool = self.measures.tool
        time = seconds(self.measures.seconds()) or "nobody knows how long"
        doc = tool.doc if tool is not None else ""
        return f"{doc} For {missing} layer{'' if missing == 1 else 's'}: {time}."

    def _show_summary(self) -> None:
        self.overlay.open("The network, layer by layer", self._summary)

    def _summary(self) -> Live:
        return Live(model_summary(self.session), css=["help.css", "summary.css"], guard=self.session.guard)

    def _show_data(self) -> None:
        self.overlay.open("The data", self._data)

    def _data(self) -> Live:
        card = DataCard(self.session)
        card.open()
        return card.view
