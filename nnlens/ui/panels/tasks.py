"""The list of jobs: what runs, how far it is, how long it takes; stop, cancel, and errors in words."""

from __future__ import annotations

from markupsafe import Markup

from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import button, empty, icon, icon_button
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import fill, joined, name


class TaskList:
    """Every job of this page, the latest first."""

    def __init__(self, session: Session, work: Work) -> None:
        self.work = work
        actions = {
            "stop": lambda place, _: work.stop(self._task(place)),
            "cancel": lambda place, _: work.cancel(self._task(place)),
        }
        self.view = Live(actions=actions, guard=session.guard, css="bottom.css", sizing_mode="stretch_both")
        work.param.watch(session.guard(lambda _: self.paint()), "changes")
        self.paint()

    def _task(self, place: str) -> Task:
        return self.work.tasks[int(place)]

    def paint(self) -> None:
        """Draw the list."""
        rows = joined(_row(task, place) for place, task in enumerate(self.work.tasks))
        body = rows or empty(
            "No job yet",
            "What takes longer than a moment is computed in a process of its own, and listed here.",
        )
        self.view.show(
            fill(
                '<div class="scroll list" data-scroll role="log" aria-label="jobs" tabindex="0">{rows}</div>',
                rows=body,
            )
        )


def _row(task: Task, place: int) -> Markup:
    return fill(
        '<div class="job"><span class="sign">{sign}</span><div class="grow"><div class="b '
        'cut">{title}</div><div class="cap">{state}'
        "</div>{bar}</div>{actions}</div>",
        sign=_sign(task),
        title=name(task.title, 80),
        state=state_words(task),
        bar=bar(task) if task.running else "",
        actions=_actions(task, place) if task.running else "",
    )


def _sign(task: Task) -> Markup:
    if task.running:
        return fill('<span class="spin"></span>')
    if task.dropped:
        return icon("remove")
    signs = {"done": ("check", "good"), "stopped": ("check", "good"), "failed": ("error_outline", "bad")}
    return icon(*signs.get(task.job.state, ("remove", "")))


def _actions(task: Task, place: int) -> Markup:
    stop = button("Stop, keep this", "stop", place) if task.job.partial is not None else Markup("")
    return fill(
        '<span class="keys">{stop}{cancel}</span>',
        stop=stop,
        cancel=icon_button("close", "cancel", "cancel", place),
    )
