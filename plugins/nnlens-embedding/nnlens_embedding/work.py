"""Telling how far the work is, leaving when nobody waits for it, and how many threads it may use."""

from __future__ import annotations

import os
from collections.abc import Callable

from nnlens.analysis import Context
from nnlens.errors import JobCancelledError

Tick = Callable[[float, float], None]
"""Called with (done, total) between two pieces of work; raises to leave."""


def ticker(context: Context, message: str) -> Tick:
    """Return a function that reports progress under one message and leaves when the work was cancelled."""

    def tick(done: float, total: float) -> None:
        if context.cancelled:
            raise JobCancelledError(f"Cancelled while {message}.")
        context.progress(done, total, message)

    return tick


def silent(done: float, total: float) -> None:
    """Report to nobody."""


def thread_count() -> int:
    """Return how many threads a computation may use: ``OMP_NUM_THREADS``, else the processors this process has."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - macOS has no affinity
