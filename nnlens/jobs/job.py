"""A piece of background work as those see it who wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import xarray as xr

from nnlens.errors import JobCancelledError, JobError
from nnlens.jobs.remaining import Remaining

State = Literal["waiting", "running", "done", "failed", "cancelled", "stopped"]
ENDED = frozenset({"done", "failed", "cancelled", "stopped"})
Watcher = Callable[["Job"], object]
log = logging.getLogger("nnlens.jobs")


@dataclass(frozen=True)
class Task:
    """What a worker is asked to do.

    Attributes
    ----------
    key : str
        Two tasks of one key are one job.
    title : str
        For people.
    function : str
        ``module:function``; gets the arguments and a report, returns plain data.
    arguments : dict
        Plain data.
    finish : callable
        Turns what the function returned into the job's result, in the process that asked.
    keep : callable or None
        Makes a result of the last picture, where a task that does not listen is told to stop.
    deadline : float or None
        Seconds that it may run.
    estimate : float or None
        Seconds that it is expected to take; None where nobody knows.
    """

    key: str
    title: str
    function: str
    arguments: dict[str, Any]
    finish: Callable[[Mapping[str, Any]], Any] = field(default=lambda payload: payload)
    keep: Callable[[xr.Dataset], Any] | None = None
    deadline: float | None = None
    estimate: float | None = None


class Job:
    """Background work: look at it, watch it, wait for it, end it. Safe to use from any thread.

    Whoever submits the same work gets the same job; it ends when the last one leaves with `release`.

    Attributes
    ----------
    key, title : str
    state : {"waiting", "running", "done", "failed", "cancelled", "stopped"}
    done, total : float
        How far it is, in any unit; total 0 while that is not known.
    message : str
        A word on the step.
    partial : Dataset or None
        The latest picture of a result that is not final.
    error : JobError or None
        What went wrong.
    """

    def __init__(self, key: str, title: str) -> None:
        self.key = key
        self.title = title
        self.state: State = "waiting"
        self.done = self.total = 0.0
        self.message = ""
        self.partial: xr.Dataset | None = None
        self.error: JobError | None = None
        self.stop_asked = threading.Event()
        self._result: Any = None
        self._holders = 1
        self._started = self._ended = 0.0
        self._remaining = Remaining()
        self._watchers: list[Watcher] = []
        self._abort: Callable[[], None] = lambda: None
        self._change = threading.Condition()

    @classmethod
    def finished(cls, key: str, title: str, result: Any) -> Job:
        """Return a job that had nothing to do."""
        job = cls(key, title)
        job.end("done", result)
        return job

    def __repr__(self) -> str:
        return f"<Job {self.title!r}: {self.state}>"

    @property
    def ended(self) -> bool:
        """Whether it is over, in whichever way."""
        return self.state in ENDED

    @property
    def elapsed(self) -> float:
        """Seconds that it has run; 0 while it waits."""
        if not self._started:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    @property
    def remaining(self) -> float | None:
        """Seconds until its end at the pace of the last 20 seconds; None while nobody can know."""
        with self._change:
            return self._remaining.seconds(time.monotonic()) if self.state == "running" else None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        JobCancelledError
            If somebody cancelled it.
        JobError
            If it failed, or is not over in time.
        """
        with self._change:
            if not self._change.wait_for(lambda: self.ended, timeout):
                raise JobError(f"{self.title} is not finished.", "Wait longer, watch it, or cancel it.")
        if self.error is not None:
            # a new one each time: several threads may raise it, and each adds its own traceback
            kind = JobCancelledError if self.state == "cancelled" else JobError
            raise kind(self.error.message, self.error.hint)
        return self._result

    def cancel(self) -> None:
        """End it for everybody, at once."""
        error = JobCancelledError(f"{self.title} was cancelled.")
        if self.end("cancelled", error=error):
            self._abort()

    def stop(self) -> None:
        """Ask for the best so far ("Stop, keep this"); what still waits is cancelled, for there is nothing to keep."""
        if self.state == "waiting":
            self.cancel()
        self.stop_asked.set()

    def join(self) -> bool:
        """Wait for it too; False if it is over already."""
        with self._change:
            if self.ended:
                return False
            self._holders += 1
            return True

    def release(self) -> None:
        """Leave: when nobody is left it is cancelled."""
        with self._change:
            self._holders -= 1
            left = self._holders <= 0
        if left:
            self.cancel()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Be told of every change.

        Parameters
        ----------
        watcher : callable
            Gets the job; called from a thread of the jobs, or at once if the job is over. Progress comes at most ten
            times a second, pictures at most twice.

        Returns
        -------
        callable
            Ends the watching.
        """
        with self._change:
            over = self.ended
            if not over:
                self._watchers.append(watcher)
        if over:
            self._tell(watcher)
        return lambda: self._unwatch(watcher)

    def begin(self, abort: Callable[[], None]) -> bool:
        """Say that it runs now, and how to end it; False if nobody wants it any more."""
        with self._change:
            if self.ended:
                return False
            self.state = "running"
            self._started = time.monotonic()
            self._abort = abort
        self._tell_all()
        return True

    def move(self, done: float, total: float, message: str) -> None:
        """Note progress."""
        with self._change:
            if self.ended:
                return
            self.done, self.total, self.message = done, total, message
            if total > 0:
                self._remaining.report(time.monotonic(), min(done / total, 1.0))
        self._tell_all()

    def show(self, partial: xr.Dataset) -> None:
        """Note a picture."""
        with self._change:
            if self.ended:
                return
            self.partial = partial
        self._tell_all()

    def end(self, state: State, result: Any = None, error: JobError | None = None) -> bool:
        """Note the end; False if it was over before."""
        with self._change:
            if self.ended:
                return False
            self._result, self.error = result, error
            self._ended = time.monotonic()
            self.state = state
            self._change.notify_all()
        self._tell_all()
        return True

    def _tell_all(self) -> None:
        with self._change:
            watchers = list(self._watchers)
        for watcher in watchers:
            self._tell(watcher)

    def _tell(self, watcher: Watcher) -> None:
        try:
            watcher(self)
        except Exception:  # one page's fault must not end another's job
            log.exception("a watcher of %s failed", self.title)

    def _unwatch(self, watcher: Watcher) -> None:
        with self._change:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
