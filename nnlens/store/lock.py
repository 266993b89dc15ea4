"""One writer at a time: a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from nnlens.errors import StoreError, StoreLockedError
from nnlens.store.layout import LOCK

OTHER = "Capture into another folder."


class WriterLock:
    """Hold a run for writing, for the time of a ``with`` block.

    Parameters
    ----------
    folder : Path
        The run's folder, which exists.

    Raises
    ------
    StoreLockedError
        If another writer has the run: at once, without waiting.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> WriterLock:
        try:
            import fcntl
        except ImportError as error:  # Windows
            raise StoreError(
                "Runs cannot be written on Windows.", "Capture on Linux or macOS; reading works."
            ) from error
        try:
            # O_NOFOLLOW: a run from a stranger may hold a link in place of the lock
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.folder.name!r} cannot be written to: {error.strerror}.", OTHER
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StoreLockedError(
                f"Another process is writing the run {self.folder.name!r}.",
                f"Wait for it. {OTHER}",
            ) from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing drops the lock; the file stays, for removing it would race
            self._descriptor = None
