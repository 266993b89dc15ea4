"""The door to runs on disk."""

from __future__ import annotations

from pathlib import Path

from nnlens.errors import StoreDamagedError, StoreError
from nnlens.store.commit import read_commit
from nnlens.store.layout import COMMIT, DATA
from nnlens.store.reader import Store


def open_store(path: str | Path) -> Store:
    """Open a run that `nnlens.capture` made, also while it is still being written.

    Parameters
    ----------
    path : str or Path
        The run's folder.

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        If there is no run.
    StoreDamagedError
        If its commit or metadata was changed.
    """
    folder = Path(path)
    if folder.is_file():
        raise StoreError(f"{str(path)!r} is a file and no run.", "Give the folder that a capture made.")
    commit = read_commit(folder)
    if commit is None and (folder / DATA).is_dir():
        raise StoreDamagedError(
            f"{str(path)!r} has no {COMMIT}: its capture was killed as it began, or the file is lost.",
            "Capture again.",
        )
    if commit is None:
        word = "is no run" if folder.is_dir() else "does not exist"
        raise StoreError(f"{str(path)!r} {word}.", "Make one: nnlens capture MODEL SAMPLES RUN.")
    return Store(folder, commit)
