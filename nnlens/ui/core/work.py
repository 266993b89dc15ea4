"""The work that a page asked for: jobs, watched and told of on the page's own thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import param
import xarray as xr

from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.ui.core.here import submit
from nnlens.ui.core.page_thread import when_left
from nnlens.ui.core.session import Session

if TYPE_CHECKING:
    from nnlens.jobs import Job

RUNNING = frozenset({"waiting", "running"})
KEPT = 30
"""Finished tasks that stay listed."""


class Task:
    """One job as a page sees it.

    Attributes
    ----------
    job : Job
    title : str
        What is computed, in words.
    """

    def __init__(self, job: Job, title: str) -> None:
        self.job = job
        self.title = title
        self.dropped = False
        self.seen_partial: Any = None
        self.ended = False
        self.unwatch: Callable[[], None] = lambda: None
        self.left: Callable[[], Any] = lambda: None

    @property
    def running(self) -> bool:
        """Whether it still waits or runs, and this page wants it."""
        return not self.dropped and self.job.state in RUNNING

    @property
    def share(self) -> float | None:
        """How far it is, from 0 to 1; None where nobody knows."""
        done, total = self.job.done or 0, self.job.total or 0
        return min(max(done / total, 0.0), 1.0) if total > 0 else None


class Work(param.Parameterized):
    """Submits analyses, and tells what became of them.

    Parameters
    ----------
    session : Session
    """

    changes = param.Integer(default=0, doc="Counts up whenever a task is added, moves on or ends.")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.tasks: list[Task] = []
        if session.served:
            when_left(self, Work.close)

    @property
    def running(self) -> list[Task]:
        """The tasks that have not ended."""
        return [task for task in self.tasks if task.running]

    @property
    def share(self) -> float | None:
        """How far the running tasks are together; None where nobody knows."""
        shares = [task.share for task in self.running]
        known = [share for share in shares if share is not None]
        return sum(known) / len(shares) if known else None

    def submit(
        self,
        analysis: str,
        title: str,
        done: Callable[[xr.Dataset], Any],
        request: Mapping[str, Any],
        *,
        partial: Callable[[xr.Dataset], Any] | None = None,
        failed: Callable[[BaseException], Any] | None = None,
        left: Callable[[], Any] | None = None,
        listed: bool = True,
    ) -> Task:
        """Have an analysis computed.

        Parameters
        ----------
        analysis : str
            ``dist:name``.
        title : str
            What the list of jobs calls it.
        request : mapping
            Layer, samples, parameters and so on, as `Lens.submit` takes them.
        done, partial : callable
            Get the result, and pictures of it on the way; called with the page's lock.
        failed : callable
            Gets the error; by default it is told to the user.
        left : callable
            Called when it was cancelled, so that there is neither a result nor an error.
        listed : bool
            Whether the list of jobs shows it; what a click computes in a moment is not.

        Raises
        ------
        AnalysisError, ModelError
            If the request cannot be run.
        """
        if self.session.lens is None:
            raise AnalysisError("This page has data but no run, so nothing can be computed.")
        job = submit(self.session.lens, analysis, request, title)
        return self.follow(job, title, done, partial=partial, failed=failed, left=left, listed=listed)

    def follow(
        self,
        job: Job,
        title: str,
        done: Callable[[Any], Any],
        *,
        partial: Callable[[xr.Dataset], Any] | None = None,
        failed: Callable[[BaseException], Any] | None = None,
        left: Callable[[], Any] | None = None,
        listed: bool = True,
    ) -> Task:
        """Tell what becomes of a job that was begun for this page; see `submit`."""
        task = Task(job, title)
        task.left = left or task.left
        ends = (done, partial or (lambda _: None), failed or self.session.report)
        if listed:
            self.tasks = [task, *self.tasks][:KEPT]
        # from the threads of the jobs to the page's own
        task.unwatch = task.job.watch(lambda _: self.session.later(lambda: self._update(task, *ends)))
        self.changes += 1
        return task

    def drop(self, task: Task) -> None:
        """Do not wait for a task any longer, nor hear of its end; its job ends when no page waits for it."""
        if task.dropped or task.ended:
            return
        running, task.dropped = task.running, True
        task.unwatch()
        if running:  # else it has ended, and the page is about to be told
            task.job.release()
        self.changes += 1

    def cancel(self, task: Task) -> None:
        """End a task for this page; for the others that wait for the same result it goes on."""
        if task.running:
            self.drop(task)
            task.left()

    def stop(self, task: Task) -> None:
        """End a task and take what it has so far."""
        task.job.stop()

    def close(self) -> None:
        """Leave all jobs: the page is gone."""
        for task in self.tasks:
            self.drop(task)

    def _update(
        self,
        task: Task,
        done: Callable[[Any], Any],
        partial: Callable[[xr.Dataset], Any],
        failed: Callable[[BaseException], Any],
    ) -> None:
        if task.dropped or task.ended:
            return
        if task.running:
            self._show_partial(task, partial)
        else:
            task.ended = True
            task.unwatch()
            self._finish(task, done, failed)
        self.changes += 1

    def _show_partial(self, task: Task, partial: Callable[[xr.Dataset], Any]) -> None:
        picture = task.job.partial
        if picture is not None and picture is not task.seen_partial:
            task.seen_partial = picture
            partial(picture)

    def _finish(self, task: Task, done: Callable[[Any], Any], failed: Callable[[BaseException], Any]) -> None:
        try:
            result = task.job.result(timeout=5)
        except JobCancelledError:
            task.left()
            return
        except Exception as error:  # whatever ended the job is told where the user looks
            failed(error)
            return
        done(result)
