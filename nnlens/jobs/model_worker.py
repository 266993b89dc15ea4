"""One long-lived worker for a model, which is loaded once and then answers for single samples in milliseconds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from nnlens.errors import JobError
from nnlens.jobs.attending import Attendant, BrokenWorkerError, Limits
from nnlens.jobs.job import Job, Task
from nnlens.jobs.process import WorkerProcess

DEADLINE = 30.0
LOADING = 90.0
"""Seconds for one answer, and on top of that for the first one: TensorFlow alone imports in up to seven."""
GRACE = 3.0
"""Seconds that what is being answered has to end by itself, once nobody wants it; longer while it loads the model."""
IDLE = 1800.0
"""Seconds without a request after which the process, and with it the model's memory, is given back."""


class ModelWorker:
    """Answers requests one after the other; after a crash or a deadline the next request starts another process.

    Parameters
    ----------
    memory : int
        Resident bytes that the process may take.
    ended : callable
        Told of every job that is over.
    """

    def __init__(self, memory: int, ended: Callable[[Job], None]) -> None:
        self._memory = memory
        self._ended = ended
        self._queue: queue.SimpleQueue[tuple[Job, Task] | None] = queue.SimpleQueue()
        self._worker: WorkerProcess | None = None
        threading.Thread(target=self._serve, daemon=True, name="nnlens-model").start()

    @property
    def pid(self) -> int | None:
        """The process id, None while there is no process."""
        worker = self._worker
        return worker.pid if worker is not None and worker.alive else None

    def submit(self, job: Job, task: Task) -> None:
        """Put a request into the queue."""
        self._queue.put((job, task))

    def close(self, now: bool = False) -> None:
        """End after the requests that wait, or `now`."""
        worker = self._worker
        if now and worker is not None:
            worker.kill()
        self._queue.put(None)

    def _serve(self) -> None:
        while True:
            try:
                entry = self._queue.get(timeout=IDLE)
            except queue.Empty:
                self._drop()
                continue
            if entry is None:
                self._drop()
                return
            self._answer(*entry)

    def _answer(self, job: Job, task: Task) -> None:
        # a click that was taken back while it waited costs nothing; one that is being answered is told so, and its
        # process is ended only where it does not hear, because that costs the loaded model
        try:
            if job.begin(lambda: None):
                job.end("done", task.finish(self._ask(job, task)))
        except JobError as error:
            job.end("failed", error=error)
        except Exception as error:  # the thread must outlive what `finish` may raise
            job.end("failed", error=JobError(f"{task.title} failed: {type(error).__name__}.", str(error)))
        finally:
            self._ended(job)

    def _ask(self, job: Job, task: Task) -> Mapping[str, Any]:
        if self._worker is not None and not self._worker.alive:
            self._drop()
        fresh = self._worker is None
        if self._worker is None:
            self._worker = WorkerProcess()
        loading = LOADING if fresh else 0  # not ended while it loads: the next request needs the model too
        limits = Limits(self._memory, (task.deadline or DEADLINE) + loading, GRACE + loading)
        try:
            return Attendant(job, task, self._worker, limits).run() or {}
        except BrokenWorkerError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None
