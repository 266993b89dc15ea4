"""One worker that waits with its imports done, so that a job starts at once."""

from __future__ import annotations

import threading

from nnlens.jobs.process import WorkerProcess

REST = 2.0
"""Seconds after which the next spare is started: its imports would slow down the job that has just begun."""

NICE = 5
"""Whole-data work stands back for the page: brushing and clicks come first on two cores."""


class Spare:
    """Holds a warm worker."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start a worker if none waits; returns at once, the imports take about a second."""
        with self._lock:
            if self._closed or (self._worker is not None and self._worker.alive):
                return
            if self._worker is not None:
                self._worker.close()
            self._worker = WorkerProcess(nice=NICE)

    def take(self) -> WorkerProcess:
        """Return the waiting worker, or a new one, and have the next one started soon."""
        with self._lock:
            worker, self._worker = self._worker, None
        self._prepare_soon()
        if worker is not None and worker.alive:
            return worker
        if worker is not None:
            worker.close()
        return WorkerProcess(nice=NICE)

    def close(self) -> None:
        """End the waiting worker; no other is started."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def _prepare_soon(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(REST, self.prepare)
            self._timer.daemon = True
            self._timer.start()
