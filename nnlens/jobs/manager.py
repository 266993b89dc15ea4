"""The jobs of a process: what runs, what waits, and what it may take."""

from __future__ import annotations

import atexit
import math
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnlens.errors import JobError
from nnlens.jobs.attending import Attendant, Limits
from nnlens.jobs.job import Job, Task
from nnlens.jobs.memory import default_memory
from nnlens.jobs.model_worker import ModelWorker
from nnlens.jobs.process import WorkerProcess, sweep
from nnlens.jobs.spare import Spare
from nnlens.jobs.wire import MARK

LIMIT = 2
"""Jobs at once; more only slow each other down on the two cores that are aimed at."""
SHORT = 5.0
"""Seconds: one job that takes less is started above the limit, so that a click does not wait for minutes of work."""
MODELS = 2
"""Model workers at once: each holds a framework and a model, .4 to 1.5 GB."""


class JobManager:
    """Runs tasks, each in a process of its own that can be killed.

    Parameters
    ----------
    limit : int
        Jobs that run at once, and one more if it is short; others wait, and go on shortest first.
    memory_limit : int, optional
        Resident bytes of a job with its children; ``NNLENS_JOB_MEMORY`` by default, else half of the machine's.
    deadline : float, optional
        Seconds that a job may run, where its task says nothing else.
    """

    def __init__(
        self, limit: int = LIMIT, memory_limit: int | None = None, deadline: float | None = None
    ) -> None:
        self.limit = limit
        self.memory_limit = memory_limit or default_memory()
        self.deadline = deadline
        self._lock = threading.RLock()
        self._active: dict[str, Job] = {}
        self._waiting: list[tuple[Job, Task]] = []
        self._workers: set[WorkerProcess] = set()
        self._running = 0
        self._models: OrderedDict[str, ModelWorker] = OrderedDict()
        self._spare = Spare()
        self._closed = False
        sweep()
        # without a reference to itself, so that a manager that is dropped does not live until the end of the process
        atexit.register(_close, weakref.ref(self))

    @property
    def jobs(self) -> list[Job]:
        """Jobs that wait or run, in the order in which they were submitted."""
        with self._lock:
            return [job for job in self._active.values() if not job.ended]

    def warm(self) -> None:
        """Start the spare worker, so that the first job starts at once; a server does it when it starts."""
        self._spare.prepare()

    def submit(self, task: Task) -> Job:
        """Run a task in a process of its own, or join the job that is at it already.

        Raises
        ------
        JobError
            In a worker, where no jobs can be started.
        """
        job, new = self._job(task)
        if new:
            with self._lock:
                self._waiting.append((job, task))
            self._start_waiting()
        return job

    def ask(self, owner: str, task: Task) -> Job:
        """Have a task answered by a long-lived worker, or join the job that is at it already.

        Parameters
        ----------
        owner : str
            Whose worker: tasks of one owner share what it has loaded.
        task : Task

        Raises
        ------
        JobError
            In a worker, where no jobs can be started.
        """
        job, new = self._job(task)
        if new:
            self._model_worker(owner).submit(job, task)
        return job

    def tell(self, owner: str, task: Task) -> None:
        """Have a long-lived worker do a task if it lives; none is started for it, and nobody waits for its end.

        Parameters
        ----------
        owner : str
            Whose worker, as for `ask`.
        task : Task
        """
        with self._lock:
            worker = self._models.get(owner)
            if worker is None or worker.pid is None:
                return
            job, new = self._job(task)
            if new:
                worker.submit(job, task)

    def submit_capture(
        self,
        model_reference: Mapping[str, Any],
        samples_reference: Mapping[str, Any],
        path: str | Path,
        options: Mapping[str, Any] | None = None,
    ) -> Job:
        """Capture a run in the background.

        Parameters
        ----------
        model_reference : mapping
            `ModelReference.to_dict`.
        samples_reference : mapping
            `Samples.reference`.
        path : str or Path
            The new run's folder.
        options : mapping, optional
            Of `nnlens.capture`, as plain data.

        Returns
        -------
        Job
            Its result is the path. `stop` keeps what is committed.
        """
        arguments = {
            "model": dict(model_reference),
            "samples": dict(samples_reference),
            "path": str(path),
            "options": dict(options or {}),
        }
        key = f"capture {Path(path).resolve()}"
        title = f"Capture of {Path(path).name}"
        return self.submit(
            Task(key, title, "nnlens.lens.tasks:capture", arguments, lambda payload: Path(payload["path"]))
        )

    def close(self) -> None:
        """Cancel everything and end all workers."""
        with self._lock:
            self._closed = True
            jobs, models, workers = (
                list(self._active.values()),
                list(self._models.values()),
                list(self._workers),
            )
            self._waiting.clear()
            self._models.clear()
        for job in jobs:
            job.cancel()
        for worker in workers:
            worker.kill()
        for model in models:
            model.close(now=True)
        self._spare.close()

    def _job(self, task: Task) -> tuple[Job, bool]:
        if os.environ.get(MARK):
            raise JobError(
                "Jobs cannot be started inside a job.",
                "Use lens.run there; in a script put all but definitions under if __name__ == '__main__'.",
            )
        with self._lock:
            if self._closed:
                raise JobError("The jobs of this process are closed.", "Make another JobManager.")
            job = self._active.get(task.key)
            if job is not None and job.join():
                return job, False
            job = self._active[task.key] = Job(task.key, task.title)
            return job, True

    def _start_waiting(self) -> None:
        with self._lock:
            for job, _ in self._waiting:
                if job.ended:
                    self._forget(job)
            self._waiting = [each for each in self._waiting if not each[0].ended]
            self._waiting.sort(
                key=lambda each: _expected(each[1])
            )  # stable: among equals the first comes first
            while self._waiting and self._room(self._waiting[0][1]) and not self._closed:
                job, task = self._waiting.pop(0)
                self._running += 1
                threading.Thread(target=self._run, args=(job, task), daemon=True, name="nnlens-job").start()

    def _room(self, task: Task) -> bool:
        return self._running < self.limit + (_expected(task) <= SHORT)

    def _run(self, job: Job, task: Task) -> None:
        try:
            if job.ended:
                return
            worker = self._spare.take()
            with self._lock:
                self._workers.add(worker)
            try:
                if job.begin(worker.kill):
                    self._attend(job, task, worker)
            finally:
                worker.close()
                with self._lock:
                    self._workers.discard(worker)
        except JobError as error:
            job.end("failed", error=error)
        except (
            Exception
        ) as error:  # a full disk, no more processes: the job fails in words, the manager lives on
            job.end("failed", error=JobError(f"{task.title} failed: {type(error).__name__}.", str(error)))
        finally:
            with self._lock:
                self._running -= 1
            self._forget(job)
            self._start_waiting()

    def _attend(self, job: Job, task: Task, worker: WorkerProcess) -> None:
        limits = Limits(self.memory_limit, task.deadline or self.deadline)
        payload = Attendant(job, task, worker, limits).run()
        if payload is not None:
            job.end("stopped" if payload.get("stopped") else "done", task.finish(payload))
        elif task.keep is not None and job.partial is not None:
            job.end("stopped", task.keep(job.partial))

    def _forget(self, job: Job) -> None:
        with self._lock:
            if self._active.get(job.key) is job:
                del self._active[job.key]

    def _model_worker(self, owner: str) -> ModelWorker:
        with self._lock:
            if owner not in self._models:
                self._models[owner] = ModelWorker(self.memory_limit, self._forget)
            self._models.move_to_end(owner)
            while len(self._models) > MODELS:
                self._models.popitem(last=False)[1].close()
            return self._models[owner]


def _expected(task: Task) -> float:
    """Return the seconds that a task is expected to take; infinity where nobody knows."""
    known = task.estimate is not None and not math.isnan(task.estimate)
    return float(task.estimate) if known and task.estimate is not None else math.inf


def _close(reference: weakref.ref[JobManager]) -> None:
    manager = reference()
    if manager is not None:
        manager.close()


_shared: list[JobManager] = []
_shared_lock = threading.Lock()


def shared_manager() -> JobManager:
    """Return the manager that all of this process shares."""
    with _shared_lock:
        if not _shared:
            _shared.append(JobManager())
        return _shared[0]
