"""The room of channels as the page takes it: one source, its panels, its dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnlens.ui.channels.dialog import ChannelDialog
from nnlens.ui.channels.kept import keep
from nnlens.ui.channels.panel import ChannelPanel
from nnlens.ui.channels.source import ChannelSource
from nnlens.ui.channels.top import KIND, resolve
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Work


class Channels:
    """What a page shows of channels.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
        With something that draws feature maps.
    layers : list of Stop
    """

    def __init__(self, session: Session, work: Work, catalog: Catalog, layers: list[Stop]) -> None:
        self.source = ChannelSource(session, work, catalog, layers)
        self.dialog = ChannelDialog(self.source)
        keep(self.source, self.dialog)
        session.resolvers[KIND] = lambda origin: resolve(session, origin)

    def panel(self) -> ChannelPanel:
        """Build the panel over the whole width."""
        return ChannelPanel(self.source, self.dialog.pick)

    def small_panel(self, more: Callable[[], Any]) -> ChannelPanel:
        """Build the panel that stands beside others; `more` opens the large one."""
        return ChannelPanel(self.source, self.dialog.pick, more)
