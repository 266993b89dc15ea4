"""The hub: one change of the state becomes one batch of pushes, one message to the browser.

A view registers a function that puts new arrays into the sources it has already drawn. Nothing is drawn again, and a
push triggers nothing, so views cannot loop.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Literal

import panel as pn

from nnlens.state import ExplorerState, Mask

Topic = Literal["selection", "focus", "hover", "pinned"]
Push = Callable[[Any], None]
TOPICS: tuple[Topic, ...] = ("selection", "focus", "hover", "pinned")
KEPT_TIMINGS = 200


class Hub:
    """Pushes selection, focus and hover of a session into its views.

    Parameters
    ----------
    state : ExplorerState
        What is watched.
    report : callable
        Told of an error; the other views still get their push.

    Attributes
    ----------
    timings : mapping of str to deque of float
        Milliseconds of the latest pushes by view, and of whole batches under ``"batch"`` (serialization included,
        sending not): the server's share of a brush.
    """

    def __init__(self, state: ExplorerState, report: Callable[[BaseException], None]) -> None:
        self.state = state
        self.timings: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT_TIMINGS))
        self._report = report
        self._lock = threading.RLock()  # with threads on, two events of one session may arrive at once
        self._pushes: dict[Topic, dict[str, Push]] = {topic: {} for topic in TOPICS}
        for topic in TOPICS:
            state.param.watch(lambda event: self._changed(event.name), topic)

    def register(self, name: str, push: Push, topic: Topic = "selection") -> Callable[[], None]:
        """Have a view follow the state.

        Parameters
        ----------
        name : str
            For the timings; a second view of one name gets a number.
        push : callable
            Gets the mask over positions, dims (sample,), or None where nothing is selected; for the topics ``focus``
            and ``hover`` an id or None, for ``pinned`` a list of ids. Under 10 ms, and it draws nothing.
        topic : {"selection", "focus", "hover", "pinned"}
            What to follow.

        Returns
        -------
        callable
            Ends it.
        """
        pushes = self._pushes[topic]
        unique = next(n for n in (name, *(f"{name} {i}" for i in range(2, 1000))) if n not in pushes)
        pushes[unique] = push
        return lambda: pushes.pop(unique, None) and None

    def refresh(self, topic: Topic = "selection") -> None:
        """Push again though nothing changed, as after a change of the theme."""
        self._changed(topic)

    def _value(self, topic: Topic) -> Mask | int | list[int] | None:
        return self.state.mask if topic == "selection" else getattr(self.state, topic)

    def _changed(self, topic: Topic) -> None:
        started = time.perf_counter()
        with self._lock, pn.io.hold():
            value = self._value(topic)
            for name, push in list(self._pushes[topic].items()):
                self._push(name, push, value)
        self.timings["batch" if topic == "selection" else topic].append(1e3 * (time.perf_counter() - started))

    def _push(self, name: str, push: Push, value: Any) -> None:
        started = time.perf_counter()
        try:
            push(value)
        except Exception as error:  # one view's failure is told, and is never another's
            self._report(error)
        self.timings[name].append(1e3 * (time.perf_counter() - started))
