"""Explanations of the sample that is looked at: a result at hand at once, else by a job; the last request wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import xarray as xr

from nnlens.errors import NNLensError
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work

QUICK, PASSING = 5.0, 1.5
"""Seconds: what takes longer is computed when Compute is pressed; for a sample under the pointer only what is quick."""
LISTED = 1.0
"""Seconds from which the list of jobs shows it."""


@dataclass(frozen=True)
class Offer:
    """What was not begun, because it takes long.

    Attributes
    ----------
    seconds : float
        How long.
    passing : bool
        Whether it is long for a sample under the pointer only.
    """

    seconds: float
    passing: bool = False


class Waiting:
    """What is on its way.

    Attributes
    ----------
    task : Task or None
        None until it is known.
    """

    def __init__(self) -> None:
        self.task: Task | None = None


Outcome = xr.Dataset | BaseException | Offer | Waiting


class Explanations:
    """Keeps outcomes at what is asked.

    Parameters
    ----------
    session : Session
    work : Work
    changed : callable
        Called when an outcome changed.

    Attributes
    ----------
    found : dict of str to Outcome
        By analysis.
    """

    def __init__(self, session: Session, work: Work, changed: Callable[[], Any]) -> None:
        self.session, self.work = session, work
        self.found: dict[str, Outcome] = {}
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._titles: dict[str, str] = {}
        self._changed = changed
        work.param.watch(session.guard(lambda _: self._moved()), "changes")

    def ask(self, wanted: Mapping[str, tuple[str, Mapping[str, Any]]], passing: bool = False) -> None:
        """Ask for these and leave all others; what is asked already goes on.

        Parameters
        ----------
        wanted : mapping of str to (str, mapping)
            By analysis: its title, and the request.
        passing : bool
            Whether the sample is only under the pointer.
        """
        for analysis, outcome in list(self.found.items()):
            same = analysis in wanted and wanted[analysis][1] == self._asked[analysis]
            again = isinstance(outcome, Offer) and outcome.passing and not passing
            if not same or again:
                self._leave(analysis)
        for analysis, (title, request) in wanted.items():
            if analysis not in self.found:
                self._begin(analysis, title, request, passing)

    def compute(self, analysis: str) -> None:
        """Compute what was offered; Compute was pressed."""
        request, title = self._asked.get(analysis), self._titles.get(analysis)
        if request is not None and title is not None:
            self._submit(analysis, title, request, LISTED)
            self._changed()

    def cancel(self, analysis: str) -> None:
        """Do not wait any longer; it is offered again."""
        outcome = self.found.get(analysis)
        if isinstance(outcome, Waiting) and outcome.task is not None:
            self.work.cancel(outcome.task)

    def _leave(self, analysis: str) -> None:
        outcome = self.found.pop(analysis)
        if isinstance(outcome, Waiting) and outcome.task is not None:
            self.work.drop(outcome.task)

    def _begin(self, analysis: str, title: str, request: Mapping[str, Any], passing: bool) -> None:
        self._asked[analysis], self._titles[analysis] = request, title
        lens = self.session.lens
        if lens is None:
            return
        try:
            known = lens.cached(analysis, **request)
            seconds = 0.0 if known is not None else lens.estimate(analysis, **request) or 0.0
        except NNLensError as error:
            self.found[analysis] = error
            return
        if known is not None:
            self.found[analysis] = known
        elif seconds > (PASSING if passing else QUICK):
            self.found[analysis] = Offer(seconds, passing)
        else:
            self._submit(analysis, title, request, seconds)

    def _submit(self, analysis: str, title: str, request: Mapping[str, Any], seconds: float) -> None:
        waiting = self.found[analysis] = Waiting()
        settle = partial(self._settle, analysis, waiting)
        left = lambda: self._settle(analysis, waiting, Offer(seconds))  # noqa: E731
        try:
            waiting.task = self.work.submit(
                analysis, title, settle, request, failed=settle, left=left, listed=seconds >= LISTED
            )
        except NNLensError as error:
            settle(error)

    def _settle(self, analysis: str, waiting: Waiting, outcome: Outcome) -> None:
        """Take what came of a request, unless another one was made since."""
        if self.found.get(analysis) is waiting:
            self.found[analysis] = outcome
            self._changed()

    def _moved(self) -> None:
        if any(isinstance(outcome, Waiting) and outcome.task for outcome in self.found.values()):
            self._changed()
