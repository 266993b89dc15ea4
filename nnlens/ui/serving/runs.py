"""The runs of this process that may be shown: given at start, named by the page, opened once.

A page's address names a run within the folder given at start, never a path.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from nnlens.errors import StoreError
from nnlens.lens import Lens
from nnlens.ui.look.shell import shell

if TYPE_CHECKING:
    from nnlens.ui.page import Explorer

COMMIT = "commit.json"
RUN = "run"
"""The name of the run in the page's address."""


class Runs:
    """Runs by name.

    Parameters
    ----------
    paths : mapping of str to Path
        Where each run lies.
    open_lens : callable
        Opens a run.
    """

    def __init__(self, paths: Mapping[str, Path], open_lens: Callable[[Path], Lens] = Lens) -> None:
        self.paths = dict(paths)
        self._open = open_lens
        self._lenses: dict[str, Lens] = {}
        self._lock = threading.RLock()

    @property
    def names(self) -> list[str]:
        """The names; the first run is shown first."""
        return list(self.paths)

    def lens(self, name: str) -> Lens:
        """Return the open run of this name; all sessions get the same one.

        Raises
        ------
        StoreError
            If there is no such run or it cannot be opened.
        """
        if name not in self.paths:
            raise StoreError(
                f"There is no run {name!r:.60} here.", f"There are: {', '.join(self.names[:8])}."
            )
        with self._lock:
            if name not in self._lenses:
                self._lenses[name] = self._open(self.paths[name])
            return self._lenses[name]

    def add(self, name: str, lens: Lens) -> None:
        """Show a run that is open already."""
        with self._lock:
            self.paths[name] = Path(lens.store.path)
            self._lenses[name] = lens


def find_runs(folder: Path) -> dict[str, Path]:
    """Find the runs in a folder, or the run that it is.

    Raises
    ------
    StoreError
        If there is none.
    """
    if (folder / COMMIT).is_file():
        return {folder.resolve().name: folder}
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    runs = {path.name: path for path in found if (path / COMMIT).is_file()}
    if not runs:
        raise StoreError(
            f"{folder} is no run and holds none.", "Make one with: nnlens capture MODEL SAMPLES RUN."
        )
    return runs


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

    def page(self) -> pmui.Page:
        """Build a visitor's page: the run that its address names, else the first."""
        from nnlens.ui.page import (
            stand,
        )  # here and below: the plots take seconds to import, the first page cannot wait

        page = shell()
        asked = (pn.state.session_args or {}).get(RUN, [b""])[0].decode("utf-8", "replace")
        known = asked in self.runs.names
        explorer = self._explorer(page, asked if known else self.runs.names[0])
        if asked and not known:
            explorer.session.report(f"There is no run {asked[:60]!r} here; another one is shown.", "info")
        stand(page, explorer)
        return page

    def open(self, page: pmui.Page, name: str) -> None:
        """Show another run on a page, without loading it again."""
        from nnlens.ui.page import stand

        stand(page, self._explorer(page, name))

    def warm(self) -> None:
        """Read the first run, import every plugin, compile the kernels."""
        lens = self.runs.lens(self.runs.names[0])
        warm(lens)

    def _explorer(self, page: pmui.Page, name: str) -> Explorer:
        from nnlens.ui.core.session import Session
        from nnlens.ui.page import Explorer

        lens = self.runs.lens(name)
        session = Session(lens, dark=page.dark_theme)
        switch: Callable[[str], Any] = lambda other: self.open(page, other)  # noqa: E731
        return Explorer(lens, session, runs=self.runs.names, open_run=switch, improve=self.improve)


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
