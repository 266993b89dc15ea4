"""How far a job is, as a bar and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from nnlens.ui.look.text import error_words, fill, plain, seconds

if TYPE_CHECKING:
    from nnlens.ui.core.work import Task

STATES = {
    "waiting": "waiting for a worker",
    "done": "done",
    "stopped": "stopped, kept",
    "cancelled": "cancelled",
    "failed": "failed",
}


def bar(task: Task) -> Markup:
    """Draw how far a task is."""
    share = task.share
    return fill(
        '<div class="bar-line" role="progressbar" aria-label="{what}" aria-valuenow="{at}"><i class="{kind}" '
        'style="width:{at}%"></i></div>',
        what=plain(task.title),
        at=f"{100 * (share if share is not None else 1):.0f}",
        kind="" if share is not None else "unknown",
    )


def state_words(task: Task) -> str:
    """Say how a task stands: its step, how far, how long still; or what ended it."""
    job = task.job
    if task.dropped:
        return STATES["cancelled"]
    if job.state == "failed" and job.error is not None:
        return " ".join(error_words(job.error))
    if job.state != "running":
        return STATES.get(job.state, plain(job.state))
    share = f"{100 * task.share:.0f} %" if task.share is not None else ""
    return " · ".join(word for word in (step_words(task), share) if word) or "running"


def step_words(task: Task) -> str:
    """Say which step a running task is at, and how long it still takes."""
    job = task.job
    if job.state != "running":
        return STATES.get(job.state, plain(job.state))
    step = plain(job.message, 60) if job.message else task.title
    return f"{step} · {seconds(job.remaining)} left" if job.remaining else step
