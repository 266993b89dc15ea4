"""What work in a thread of this process tells its job, and what it hears from there."""

from __future__ import annotations

import xarray as xr

from nnlens.errors import JobCancelledError
from nnlens.jobs.job import Job
from nnlens.jobs.reporting import Report


class Told(Report):
    """Tells a job how far its work is, and the work what became of the job: a thread cannot be killed.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Note how far it is.

        Raises
        ------
        JobCancelledError
            If nobody wants the result any more: the next one waits.
        """
        if self.cancelled:
            raise JobCancelledError("Nobody wants the result any more.")
        self._job.move(done, total, message)

    def partial(self, dataset: xr.Dataset) -> None:
        """Show a result that is not final."""
        self._job.show(dataset)

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._job.ended

    @property
    def stopping(self) -> bool:
        """Whether the best so far is wanted now."""
        return self._job.stop_asked.is_set()
