"""See one task through in a worker: hear what it says, and end it when it takes too much time or memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlens.errors import JobError
from nnlens.jobs.job import Job, Task
from nnlens.jobs.process import WorkerProcess
from nnlens.jobs.wire import Message, read_dataset

TICK = 0.1
"""Seconds between two looks at memory, deadline and wishes: what fills memory at 2 GB/s gets .2 GB too far."""
STOP_GRACE = 5.0
"""Seconds that a task has to end by itself after it was told to stop."""
log = logging.getLogger("nnlens.jobs")


@dataclass(frozen=True)
class Limits:
    """What a task may take.

    Attributes
    ----------
    memory : int
        Resident bytes of its process and the children of that.
    seconds : float or None
    grace : float
        Seconds that a task has to end by itself after it was cancelled, in a worker that others need.
    """

    memory: int
    seconds: float | None = None
    grace: float = 0.0


class BrokenWorkerError(JobError):
    """The worker cannot be used any more: it crashed or had to be killed."""


class Attendant:
    """Runs a task in a worker and keeps its job informed.

    Parameters
    ----------
    job : Job
    task : Task
    worker : WorkerProcess
    limits : Limits
    """

    def __init__(self, job: Job, task: Task, worker: WorkerProcess, limits: Limits) -> None:
        self._job = job
        self._task = task
        self._worker = worker
        self._limits = limits
        self._started = time.monotonic()
        self._stopping: float | None = None
        self._leaving: float | None = None

    def run(self) -> Mapping[str, Any] | None:
        """Wait for the task's end.

        Returns
        -------
        mapping or None
            What the task returned; None where its last picture is to be kept instead.

        Raises
        ------
        BrokenWorkerError
            If the worker crashed or was killed: for what it took, or because the job was cancelled and it went on.
        JobError
            If the task failed, or ended because it was cancelled.
        """
        self._worker.request(self._task.function, self._task.arguments)
        for message in self._worker.messages(TICK):
            if message is not None and (payload := self._hear(message)) is not None:
                return payload
            self._check()
            if self._overdue():
                self._worker.kill()
                return None
        raise self._crashed()

    def _hear(self, message: Message) -> Mapping[str, Any] | None:
        kind = message["type"]
        if kind == "done":
            return message["payload"] or {}
        if kind == "error":
            log.info("%s failed:\n%s", self._task.title, message["trace"])
            raise JobError(message["message"], message["hint"])
        if kind == "progress":
            self._job.move(message["done"], message["total"], message["message"])
        if kind == "partial":
            path = Path(message["file"])
            self._job.show(read_dataset(path))
            path.unlink(missing_ok=True)
        return None

    def _check(self) -> None:
        if self._job.ended:
            self._leave()
            return
        memory = self._worker.memory()
        if memory > self._limits.memory:
            raise BrokenWorkerError(
                f"{self._task.title} was ended: it took {_gigabytes(memory)} of memory, and a job may take "
                f"{_gigabytes(self._limits.memory)}.",
                "Choose fewer samples or a smaller layer, or set NNLENS_JOB_MEMORY, such as 8GB.",
            )
        seconds = self._limits.seconds
        if seconds is not None and time.monotonic() - self._started > seconds:
            raise BrokenWorkerError(
                f"{self._task.title} was ended: it was not finished after {seconds:g} s.",
                "Choose fewer samples, or give it a longer deadline.",
            )

    def _leave(self) -> None:
        """Tell a worker that nobody wants the result, and end it where it does not hear: others wait for it.

        A worker of one job is killed by whoever cancels it; this is for one that keeps a model.
        """
        if self._leaving is None:
            self._leaving = time.monotonic()
            self._worker.cancel()
        elif time.monotonic() - self._leaving > self._limits.grace:
            self._worker.kill()

    def _overdue(self) -> bool:
        """Pass on a wish to stop; whether it was not heard, and there is a picture to be kept."""
        if not self._job.stop_asked.is_set():
            return False
        if self._stopping is None:
            self._stopping = time.monotonic()
            self._worker.stop()
        late = time.monotonic() - self._stopping > STOP_GRACE
        return late and self._task.keep is not None and self._job.partial is not None

    def _crashed(self) -> BrokenWorkerError:
        ending = self._worker.ending()
        log.info("%s crashed: %s\n%s", self._task.title, ending, self._worker.tail.decode(errors="replace"))
        return BrokenWorkerError(
            f"{self._task.title} crashed: {ending}.",
            "Nothing else is touched; try other parameters or fewer samples.",
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count < 1e10 else f"{count / 1e9:.0f} GB"
