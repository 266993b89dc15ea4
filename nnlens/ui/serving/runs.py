"""The runs of this process that may be shown: given at start, named by the page, opened once.

A page's address names a run within the folder given at start, never a path.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from nnlens.errors import NNLensError, StoreError
from nnlens.lens import Lens
from nnlens.store import open_store
from nnlens.store.commit import read_commit
from nnlens.store.layout import run_name
from nnlens.ui.look.text import error_words

COMMIT = "commit.json"
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
            known = self._lenses.get(name)
            if known is None or not known.store.complete or stamp != self._opened.get(name):
                try:
                    self._lenses[name] = self._follow(name)
                except Exception as error:  # a run of a stranger may be anything
                    self._lenses.pop(name, None)
                    self.broken[name] = " ".join(error_words(error))
                    if isinstance(error, NNLensError):
                        raise
                    raise StoreError(
                        f"The run {name!r:.60} cannot be read.",
                        "Restore it from a copy, or capture it again.",
                    ) from error
                self._opened[name] = stamp
                self.broken.pop(name, None)
            return self._lenses[name]

    def _follow(self, name: str) -> Lens:
        """Open what lies in the place of a run; one that is open and only grew keeps its model."""
        known, path = self._lenses.get(name), self.paths[name]
        commit = read_commit(path)
        if known is None or commit is None or commit.fingerprint != known.store.fingerprint:
            return self._open(path)
        anew = known.store.complete and commit != known.store.commit  # of its arrays of before nothing holds
        return self._open(path) if anew else known.refresh()

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
            self._checked = {name: stamp for name, stamp in self._checked.items() if name in found}
            stamps = {name: _stamp(path) or 0 for name, path in found.items()}
            new = [name for name, stamp in stamps.items() if self._checked.get(name) != stamp]
            for name in [name for name in new if name not in self._lenses][:AT_ONCE]:
                self._check(name)
                self._checked[name] = stamps[name]
            self._looked = time.monotonic()

    def _check(self, name: str) -> None:
        try:
            if open_store(self.paths[name]).complete:  # one that grows may have been refused for its model
                self.broken.pop(name, None)
        except Exception as error:  # a run of a stranger may be anything
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
        return {run_name(folder): folder}
    runs = _runs_in(folder)
    if not runs:
        raise StoreError(
            f"{folder} is no run and holds none.", "Make one with: nnlens capture MODEL SAMPLES RUN."
        )
    return runs
