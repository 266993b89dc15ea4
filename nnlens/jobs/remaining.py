"""How long some work will still take, from how fast it went lately."""

from __future__ import annotations

from collections import deque

WINDOW = 20.0
"""Seconds of progress that count: the steps of one job differ in speed."""
LEAST = 0.5
"""Seconds of progress before anything is said."""


class Remaining:
    """Estimates the remaining seconds.

    The rate is that from the oldest report in the window until now, so that work which has stopped moving is told
    ever longer times and never "almost done".
    """

    def __init__(self) -> None:
        self._reports: deque[tuple[float, float]] = deque()

    def report(self, now: float, share: float) -> None:
        """Note that `share` of the work, from 0 to 1, is done at the time `now` in seconds."""
        if self._reports and share < self._reports[-1][1]:
            self._reports.clear()  # another step began to count anew
        self._reports.append((now, share))
        while len(self._reports) > 2 and self._reports[1][0] < now - WINDOW:
            self._reports.popleft()

    def seconds(self, now: float) -> float | None:
        """Return the estimate; None while nobody can know."""
        if len(self._reports) < 2:
            return None
        (start, first), (_, last) = self._reports[0], self._reports[-1]
        if last >= 1:
            return 0.0
        if last <= first or now - start < LEAST:
            return None
        return (1 - last) * (now - start) / (last - first)
