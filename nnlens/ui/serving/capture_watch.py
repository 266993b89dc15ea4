"""What a capture that is still running has found so far: read from what it has committed, once for all pages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlens.errors import NNLensError, StoreError
from nnlens.schema import UNLABELLED
from nnlens.store import Store, open_store

if TYPE_CHECKING:
    from nnlens.jobs import Job

log = logging.getLogger(__name__)
WORST = 16
PERIOD = 0.4
"""Seconds between two looks at what is committed."""


@dataclass(frozen=True)
class Mistake:
    """A sample that the network gets wrong, or finds hard."""

    sample: int
    label: int
    prediction: int
    loss: float


@dataclass(frozen=True)
class Found:
    """True facts about the samples captured so far.

    Attributes
    ----------
    done, total : int
    wrong, labelled : int
    worst : tuple of Mistake
        The largest losses, the largest first.
    store : Store or None
        As far as it is committed.
    """

    done: int = 0
    total: int = 0
    wrong: int = 0
    labelled: int = 0
    worst: tuple[Mistake, ...] = ()
    store: Store | None = field(default=None, compare=False)

    @property
    def accuracy(self) -> float:
        """Share of right predictions among the labelled; NaN before there is one."""
        return 1 - self.wrong / self.labelled if self.labelled else float("nan")


def look(path: Path, before: Found) -> Found:
    """Read what is committed; what was found before when nothing is new.

    Parameters
    ----------
    path : Path
        The run.
    before : Found
        What the last look found.
    """
    try:
        store = before.store.refresh() if before.store else open_store(path)
    except StoreError:  # not begun yet
        return before
    if store is before.store:
        return before
    samples = store.samples
    label, prediction, loss = (samples[name].values for name in ("label", "prediction", "loss"))
    wrong = (label != prediction) & (label != UNLABELLED)
    order = np.argsort(-np.nan_to_num(loss, nan=-np.inf), kind="stable")[:WORST]
    ids = samples["sample"].values
    worst = tuple(Mistake(int(ids[i]), int(label[i]), int(prediction[i]), float(loss[i])) for i in order)
    return Found(
        store.committed, store.total, int(wrong.sum()), int((label != UNLABELLED).sum()), worst, store
    )


class CaptureWatch:
    """Looks at a capture until it ends, and tells the pages.

    Parameters
    ----------
    job : Job
        The capture.
    path : Path
        Its run.
    """

    def __init__(self, job: Job, path: Path) -> None:
        self.job, self.path = job, path
        self.found = Found()
        self.error: BaseException | None = None
        self.ended = threading.Event()
        self._woken = threading.Event()
        self._listeners: list[Callable[[], Any]] = []
        self._lock = threading.Lock()
        job.watch(lambda _: self._woken.set())
        threading.Thread(target=self._run, name="capture watch", daemon=True).start()

    def listen(self, listener: Callable[[], Any]) -> Callable[[], None]:
        """Have a function called after each change, from this thread; returns what ends it."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def _forget(self, listener: Callable[[], Any]) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def _run(self) -> None:
        while not self.job.ended:
            self._woken.wait(PERIOD)
            self._woken.clear()
            self._look()
            self.ended.wait(PERIOD / 2)  # not more often than a person reads
        self._look()
        try:
            self.job.result(timeout=1)
        except NNLensError as error:
            self.error = error
        self.ended.set()
        self._tell()

    def _look(self) -> None:
        try:
            self.found = look(self.path, self.found)
        except NNLensError:  # the capture itself will tell
            log.debug("a look at the capture failed", exc_info=True)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
