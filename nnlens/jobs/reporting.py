"""What running work tells the outside, and what it hears from there."""

from __future__ import annotations

import time
from collections.abc import Callable

import xarray as xr

ProgressCall = Callable[[float, float, str], object]
"""Gets what is done, the total, and a word on the step."""


class Report:
    """Reports to nobody; scripts and workers override what they need."""

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell that `done` of `total` is done."""

    def partial(self, dataset: xr.Dataset) -> None:
        """Show a result that is not final."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return False

    @property
    def stopping(self) -> bool:
        """Whether the best so far is wanted now."""
        return False


class CallReport(Report):
    """Hands progress to a function.

    Parameters
    ----------
    call : callable
        Gets (done, total, message).
    """

    def __init__(self, call: ProgressCall) -> None:
        self._call = call

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell that `done` of `total` is done."""
        self._call(done, total, message)


class Pace:
    """Lets something through at most once every `seconds`, the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -float("inf")

    def allows(self) -> bool:
        """Whether enough time has passed; then the next interval starts."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
