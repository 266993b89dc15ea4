"""The whole strip: what the page puts at its top."""

from __future__ import annotations

import panel as pn

from nnlens.ui.architecture.beside import Beside
from nnlens.ui.architecture.measures import Measures
from nnlens.ui.architecture.strip import Strip
from nnlens.ui.architecture.taking import strip_out
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work
from nnlens.ui.look.overlay import Overlay
from nnlens.ui.look.parts import FILL


class Architecture:
    """The network drawn, and what stands beside it.

    Parameters
    ----------
    session : Session
    stops : list of Stop
        Layers that a map can show.
    work : Work
    catalog : Catalog
    overlay : Overlay
        Where summary and data card are read.

    Attributes
    ----------
    view : Row
    """

    def __init__(
        self, session: Session, stops: list[Stop], work: Work, catalog: Catalog, overlay: Overlay
    ) -> None:
        measures = Measures(session, work, catalog)
        self.strip = Strip(session, stops, work, catalog, measures)
        beside = Beside(session, measures, self.strip.focused, overlay)
        self.view = pn.Row(beside.view, self.strip.view, strip_out(self.strip), **FILL)
