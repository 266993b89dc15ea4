"""What a map is waiting for: the job's progress in its foot, and words with buttons where there is no map."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from nnlens.ui.core.stops import Which
from nnlens.ui.core.work import Task
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import button
from nnlens.ui.look.progress import bar, state_words, step_words
from nnlens.ui.look.text import fill
from nnlens.ui.maps.projecting import Projecting


class MapJob:
    """Shows the job of one map while it runs, and what can be done where it failed.

    Parameters
    ----------
    projecting : Projecting
    which : {"a", "b"}
    """

    def __init__(self, projecting: Projecting, which: Which) -> None:
        self.projecting, self.which = projecting, which
        session, target = projecting.session, projecting.maps[which]
        actions = {
            "stop": lambda *_: self._with_task(projecting.work.stop),
            "cancel": lambda *_: self._with_task(projecting.work.cancel),
            "again": lambda *_: projecting.compute(which),
            "quick": lambda analysis, _: projecting.want(which, analysis=analysis, parameters={}),
        }
        self._foot, self._notice = target.foot, target.notice
        self._line = Live(actions=actions, guard=session.guard, css="mapjob.css", height=28, visible=False)
        self._words = Live(actions=actions, guard=session.guard, css=["mapjob.css", "bottom.css"])
        self._foot.append(self._line)
        self._notice[:] = [self._words]
        paint = session.guard(lambda _: self.paint())
        projecting.param.watch(paint, "changes")
        projecting.work.param.watch(paint, "changes")
        self.paint()

    def paint(self) -> None:
        """Draw both."""
        place = self.projecting.places[self.which]
        running = place.task is not None and place.task.running
        if place.task is not None and running:
            self._line.show(self._progress(place.task))
        self._line.visible = running
        self._foot[0].visible = not running
        self._notice.visible = place.trouble is not None
        if place.trouble is not None:
            self._words.show(self._trouble(*place.trouble))

    def _with_task(self, action: Any) -> None:
        task = self.projecting.places[self.which].task
        if task is not None:
            action(task)

    def _progress(self, task: Task) -> Markup:
        stop = button("Stop, keep this", "stop") if task.job.partial is not None else Markup("")
        return fill(
            '<div class="mapjob"><span class="cut" title="{title}: {all}">{words}</span>'
            "<span>{stop}{cancel}</span>{bar}</div>",
            title=task.title,
            all=state_words(task),
            words=step_words(task),
            stop=stop,
            cancel=button("Cancel", "cancel"),
            bar=bar(task),
        )

    def _trouble(self, text: str, hint: str) -> Markup:
        wanted = self.projecting.state(self.which).analysis
        others = [tool for tool in self.projecting.catalog.projections if tool.id != wanted][-1:]
        return fill(
            '<div class="trouble"><b>{text}</b><span>{hint}</span><div class="row">{again}{others}</div></div>',
            text=text,
            hint=hint,
            again=button("Try again", "again", kind="main"),
            others=Markup("").join(button(tool.title, "quick", tool.id) for tool in others),
        )
