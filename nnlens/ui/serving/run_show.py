"""What shows runs: a page for each visitor, on which another run may be opened, and which tells what comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from nnlens.errors import NNLensError
from nnlens.lens import Lens
from nnlens.ui.look.shell import shell
from nnlens.ui.serving.runs import GONE, LOOK, Runs

if TYPE_CHECKING:
    from nnlens.ui.page import Explorer

RUN = "run"
"""The name of the run in the page's address."""


class RunShow:
    """Shows runs.

    Parameters
    ----------
    runs : Runs
    improve : bool
        Whether to go on to the best maps without being asked.
    """

    def __init__(self, runs: Runs, improve: bool = False) -> None:
        self.runs = runs
        self.improve = improve
        self._shown: dict[pmui.Page, Explorer] = {}

    def page(self) -> pmui.Page:
        """Build a visitor's page: the run that its address names, else the first."""
        page = shell()
        self.runs.look()
        name, failed = self.runs.first(_asked())
        explorer = self._explorer(page, name)
        self._tell(explorer, failed)
        self._stand(page, explorer)
        if self.runs.folder is not None and pn.state.curdoc is not None:
            pn.state.add_periodic_callback(lambda: self._look(page), LOOK * 1000)
        return page

    def begin(self, page: pmui.Page) -> None:
        """Show the first run on a page that stood before there was any."""
        explorer = self._explorer(page, self.runs.first()[0])
        self._tell(explorer)
        self._stand(page, explorer)

    def _tell(self, explorer: Explorer, failed: NNLensError | None = None) -> None:
        """Say so where the page's address asks for another run than the one that is shown."""
        asked = _asked()
        if failed is not None and asked in self.runs.names:
            explorer.session.report(failed)
        elif asked and asked not in self.runs.names:
            explorer.session.report(f"There is no run {asked[:60]!r} here; another one is shown.", "info")

    def open(self, page: pmui.Page, name: str) -> None:
        """Show another run on a page, without loading it again."""
        left = self._shown.get(page)
        try:
            explorer = self._explorer(page, name)
        except NNLensError:
            self._look(page)
            raise
        try:
            self._stand(page, explorer)
        except Exception:
            explorer.leave()
            raise
        if left is not None:
            left.leave()

    def _stand(self, page: pmui.Page, explorer: Explorer) -> None:
        # here and below: the plots take seconds to import, the first page cannot wait
        from nnlens.ui.page import stand

        if page not in self._shown and pn.state.curdoc is not None:
            # what is shown knows its page, so nothing of it would ever go by itself
            pn.state.on_session_destroyed(lambda _: self._shown.pop(page, None) and None)
        stand(page, explorer)
        self._shown[page] = explorer

    def _look(self, page: pmui.Page) -> None:
        """Offer what is in the folder by now."""
        self.runs.look()
        explorer = self._shown.get(page)
        if explorer is not None:  # its own run stays in its menu and its address, also where it has gone
            explorer.offer({explorer.session.data.name: GONE} | self.runs.listed)

    def warm(self) -> None:
        """Read the first run, import every plugin, compile the kernels."""
        warm(self.runs.lens(self.runs.first()[0]))

    def shown(self) -> Hashable | None:
        """Tell what a page made now would show: which run, as far as it is known, with which results."""
        self.runs.look()
        # what could not be opened is left to visitors: it is asked each second, and reading a model takes long
        first = next((name for name, why in self.runs.listed.items() if not why), None)
        try:
            lens = self.runs.lens(first) if first is not None else None
        except NNLensError:
            return None
        # one that grows would have pages made in vain, again and again
        if lens is None or not lens.store.complete:
            return None
        return lens, lens.registry.changes, lens.store.results.changed(), tuple(self.runs.listed.items())

    def _explorer(self, page: pmui.Page, name: str) -> Explorer:
        from nnlens.ui.core.session import Session
        from nnlens.ui.page import Explorer

        lens = self.runs.lens(name)
        session = Session(lens, dark=page.dark_theme)
        switch: Callable[[str], Any] = lambda other: self.open(page, other)  # noqa: E731
        explorer = Explorer(lens, session, runs=self.runs.names, open_run=switch, improve=self.improve)
        explorer.offer(self.runs.listed)
        return explorer


def _asked() -> str:
    """Return the run that the address of the page asks for, which is being made."""
    return str((pn.state.session_args or {}).get(RUN, [b""])[0].decode("utf-8", "replace"))


def warm(lens: Lens) -> None:
    """Read and compile ahead what the pages of a run need: a cold first page takes seconds longer."""
    from nnlens.ui import page
    from nnlens.ui.core.catalog import Catalog
    from nnlens.ui.core.data import shared
    from nnlens.ui.serving import warming

    del page  # imported for its plots
    warming.warm(shared(lens.store))
    Catalog(lens.registry)
    lens.jobs.warm()
