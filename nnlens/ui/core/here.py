"""Jobs in this process: for live networks and for classes of the running program, which no other process can open."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nnlens.errors import JobError, NNLensError
from nnlens.jobs import Job
from nnlens.jobs.telling import Told

if TYPE_CHECKING:
    from nnlens.lens import Lens

_ONE = threading.Lock()
"""A model is used by one thread at a time, and Python runs no two at once anyway."""


def submit(lens: Lens, analysis: str, request: Mapping[str, Any], title: str) -> Job:
    """Have an analysis computed: by a process of its own, or in a thread where no other process can.

    Parameters
    ----------
    lens : Lens
    analysis : str
    request : mapping
        The arguments for the Lens.
    title : str
        What the job is called.

    Raises
    ------
    AnalysisError, ModelError
        If the request cannot be run at all.
    """
    plan = lens.plan(analysis, **request)
    if not _only_here(lens, plan):
        return lens.submit(analysis, **request)
    job = Job(plan.key, title)
    threading.Thread(target=_run, args=(lens, analysis, request, job), name=title, daemon=True).start()
    return job


def _only_here(lens: Lens, plan: Any) -> bool:
    """Whether a request needs what only this process has."""
    live = lens.model is not None and lens.model.reference is None
    if live and any(step.needs_model for step in plan.walk()):
        return True
    try:
        lens.registry.recipe(step.request.analysis for step in plan.walk())
    except NNLensError:
        return True
    return False


def _run(lens: Lens, analysis: str, request: Mapping[str, Any], job: Job) -> None:
    with _ONE:
        if not job.begin(lambda: None):
            return
        try:
            result = lens.runner.run(lens.plan(analysis, **request), Told(job))
        except NNLensError as error:
            job.end("failed", error=JobError(error.message, error.hint))
        except Exception as error:  # the reason is told in words, as of a job in a process
            job.end(
                "failed",
                error=JobError(f"{job.title} failed: {type(error).__name__}.", "The log has the details."),
            )
        else:
            job.end("stopped" if result.attrs.get("stopped") else "done", result)
