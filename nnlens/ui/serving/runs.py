"""The runs of this process that may be shown: given at start, named by the page, opened once.

A page's address names a run within the folder given at start, never a path.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui

from nnlens.errors import NNLensError, StoreError
from nnlens.lens import Lens
from nnlens.store import open_store
from nnlens.ui.look.shell import shell
from nnlens.ui.look.text import error_words

if TYPE_CHECKING:
    from nnlens.ui.page import Explorer

COMMIT = "commit.json"
RUN = "run"
"""The name of the run in the page's address."""
LOOK = 2
"""Seconds between two looks for new runs."""
GONE = "Its folder is gone."
AT_ONCE = 8
"""New runs that one look tries to open."""


class Runs:
    """Runs by name.

    Parameters
    ----------
    paths : mapping of str to Path
        Where each run lies.
    open_lens : callable
        Opens a run.
    folder : Path, optional
        Where runs may appear later.

    Attributes
    ----------
    broken : dict of str to str
        Why a run cannot be opened, by its name.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        open_lens: Callable[[Path], Lens] = Lens,
        folder: Path | None = None,
    ) -> None:
        self.paths = dict(paths)
        self.folder = folder
        self.broken: dict[str, str] = {}
        self._open = open_lens
        self._lenses: dict[str, Lens] = {}
        self._opened: dict[str, int | None] = {}
        self._checked: dict[str, int] = {}
        self._looked = 0.0
        self._lock = threading.RLock()

    @property
    def names(self) -> list[str]:
        """The names; the first run is shown first."""
        return list(self.paths)

    @property
    def listed(self) -> dict[str, str]:
        """By name why a run cannot be opened; nothing where it can."""
        return {name: self.broken.get(name, "") for name in self.paths}

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
            stamp = _stamp(self.paths[name])
            if name in self._lenses and self._lenses[name].store.complete and stamp != self._opened.get(name):
                del self._lenses[name]  # another run lies there by now, or none
            if name not in self._lenses:
                try:
                    self._lenses[name] = self._open(self.paths[name])
                    self._opened[name] = stamp
                except NNLensError as error:
                    self.broken[name] = " ".join(error_words(error))
                    raise
                self.broken.pop(name, None)
            if not self._lenses[name].store.complete:  # it may have grown
                self._lenses[name], self._opened[name] = self._lenses[name].refresh(), stamp
            return self._lenses[name]

    def first(self, asked: str = "") -> tuple[str, NNLensError | None]:
        """Open the run that is asked for, else the first that can be opened; with the error of one that cannot.

        Raises
        ------
        NNLensError
            If none can.
        """
        failed: NNLensError | None = None
        for name in dict.fromkeys([*([asked] if asked in self.paths else []), *self.names]):
            try:
                self.lens(name)
            except NNLensError as error:
                failed = failed or error
            else:
                return name, failed
        raise failed or StoreError("There is no run here.")

    def look(self) -> None:
        """Look for runs that have come or gone, and whether the new ones can be opened; not more often than needed."""
        if self.folder is None or time.monotonic() - self._looked < LOOK / 2:
            return
        with self._lock:
            found = _runs_in(self.folder)
            kept = {name: path for name, path in self.paths.items() if name in self._lenses}
            self.broken |= dict.fromkeys(kept.keys() - found.keys(), GONE)
            self.broken = {name: why for name, why in self.broken.items() if why != GONE or name not in found}
            self.paths = dict(sorted((kept | found).items()))
            stamps = {name: _stamp(path) or 0 for name, path in found.items()}
            new = [name for name, stamp in stamps.items() if self._checked.get(name) != stamp]
            for name in [name for name in new if name not in self._lenses][:AT_ONCE]:
                self._check(name)
                self._checked[name] = stamps[name]
            self._looked = time.monotonic()

    def _check(self, name: str) -> None:
        try:
            open_store(self.paths[name])
            self.broken.pop(name, None)
        except NNLensError as error:
            self.broken[name] = " ".join(error_words(error))

    def add(self, name: str, lens: Lens) -> None:
        """Show a run that is open already."""
        with self._lock:
            self.paths[name] = Path(lens.store.path)
            self._lenses[name], self._opened[name] = lens, _stamp(self.paths[name])


def _stamp(run: Path) -> int | None:
    """Return when a run was last committed; None for what is none, may not be entered, or has gone meanwhile."""
    try:
        return (run / COMMIT).stat().st_mtime_ns
    except OSError:
        return None


def _runs_in(folder: Path) -> dict[str, Path]:
    try:
        found = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return {}
    return {path.name: path for path in found if _stamp(path) is not None}


def find_runs(folder: Path) -> dict[str, Path]:
    """Find the runs in a folder, or the run that it is.

    Raises
    ------
    StoreError
        If there is none.
    """
    if _stamp(folder) is not None:
        return {folder.resolve().name: folder}
    runs = _runs_in(folder)
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
        self._shown: dict[pmui.Page, Explorer] = {}

    def page(self) -> pmui.Page:
        """Build a visitor's page: the run that its address names, else the first."""
        page = shell()
        asked = (pn.state.session_args or {}).get(RUN, [b""])[0].decode("utf-8", "replace")
        self.runs.look()
        name, failed = self.runs.first(asked)
        explorer = self._explorer(page, name)
        if failed is not None and asked in self.runs.names:
            explorer.session.report(failed)
        elif asked and asked not in self.runs.names:
            explorer.session.report(f"There is no run {asked[:60]!r} here; another one is shown.", "info")
        self._stand(page, explorer)
        if self.runs.folder is not None and pn.state.curdoc is not None:
            pn.state.add_periodic_callback(lambda: self._look(page), LOOK * 1000)
        return page

    def open(self, page: pmui.Page, name: str) -> None:
        """Show another run on a page, without loading it again."""
        left = self._shown.get(page)
        try:
            explorer = self._explorer(page, name)
        except NNLensError:
            self._look(page)
            raise
        self._stand(page, explorer)
        if left is not None:
            left.leave()

    def _stand(self, page: pmui.Page, explorer: Explorer) -> None:
        from nnlens.ui.page import (
            stand,
        )  # here and below: the plots take seconds to import, the first page cannot wait

        if page not in self._shown and pn.state.curdoc is not None:
            # what is shown knows its page, so nothing of it would ever go by itself
            pn.state.on_session_destroyed(lambda _: self._shown.pop(page, None) and None)
        stand(page, explorer)
        self._shown[page] = explorer

    def _look(self, page: pmui.Page) -> None:
        """Offer what is in the folder by now."""
        self.runs.look()
        if page in self._shown:
            self._shown[page].offer(self.runs.listed)

    def warm(self) -> None:
        """Read the first run, import every plugin, compile the kernels."""
        warm(self.runs.lens(self.runs.first()[0]))

    def shown(self) -> Hashable | None:
        """Tell what a page made now would show: which run, as far as it is known, with which results."""
        self.runs.look()
        try:
            lens = self.runs.lens(self.runs.first()[0])
        except NNLensError:
            return None
        if not lens.store.complete:  # it grows: a page of it would be made in vain, again and again
            return None
        return lens, lens.store.results.changed(), tuple(self.runs.listed.items())

    def _explorer(self, page: pmui.Page, name: str) -> Explorer:
        from nnlens.ui.core.session import Session
        from nnlens.ui.page import Explorer

        lens = self.runs.lens(name)
        session = Session(lens, dark=page.dark_theme)
        switch: Callable[[str], Any] = lambda other: self.open(page, other)  # noqa: E731
        explorer = Explorer(lens, session, runs=self.runs.names, open_run=switch, improve=self.improve)
        explorer.offer(self.runs.listed)
        return explorer


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
