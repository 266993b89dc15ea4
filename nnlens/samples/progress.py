"""Telling how far reading or fetching a data set is, a few times a second."""

from __future__ import annotations

import time
from typing import Protocol

EVERY = 0.1
"""Seconds between two calls."""


class Progress(Protocol):
    """Is told how far the work is."""

    def __call__(self, done: float, total: float, message: str = "") -> None:
        """Tell that `done` of `total` is done, 0 where nobody knows, and what is being done."""


class Ticker:
    """Passes on the first call, the last one, and those between at times: some hooks draw.

    Parameters
    ----------
    progress : callable or None
    message : str
        What is being done.
    """

    def __init__(self, progress: Progress | None, message: str) -> None:
        self._progress = progress
        self._message = message
        self._next = 0.0

    def __call__(self, done: float, total: float) -> None:
        """Tell how far it is."""
        if self._progress is None:
            return
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + EVERY
            self._progress(done, total, self._message)
