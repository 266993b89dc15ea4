"""What the command line says: results on stdout, words and progress for people on stderr."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, ParamSpec, Protocol, TextIO

P = ParamSpec("P")

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_DAMAGED = 3
EXIT_BETTER = 4  # doctor found a preprocessing that is clearly better than the one in use
EXIT_INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended
LINE_EVERY = 10.0
"""Seconds between two lines of progress where no person watches a terminal."""


def plain(text: object) -> str:
    """Return text that a terminal only prints: control characters of a hostile name are shown, not obeyed."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(text)
    )


def say(text: str) -> None:
    """Tell a person something, one line on stderr."""
    print(plain(text), file=sys.stderr, flush=True)  # noqa: T201


_results: list[TextIO] = []
"""The stdout that results go to while a command runs."""


def results_only(command: Callable[P, None]) -> Callable[P, None]:
    """Let nothing but results reach stdout while a command runs: plugins and libraries print what they like."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        _results.append(sys.stdout)
        try:
            with redirect_stdout(sys.stderr):
                command(*arguments, **options)
        finally:
            _results.pop()

    return run


def _result(text: str) -> None:
    print(text, file=_results[-1] if _results else sys.stdout, flush=True)


def show(text: str) -> None:
    """Print one line of the result on stdout, at once, also into a pipe."""
    _result(plain(text))


def show_json(value: object) -> None:
    """Print a result that a program reads; NaN and infinity become null, which JSON has no word for."""
    _result(json.dumps(finite(value), indent=2, allow_nan=False))


def show_table(rows: Sequence[Sequence[object]], head: Sequence[str] = ()) -> None:
    """Print rows under their headings, if any, in columns as wide as their contents."""
    cells = [[plain(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def duration(seconds: float) -> str:
    """Return a time for people, such as ``0.4 s`` or ``2 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def finite(value: Any) -> Any:
    """Return nested plain data with None for NaN and infinity."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value


class Progress(Protocol):
    """How far some work is; a call tells it, and only some calls say something."""

    def __call__(self, done: float, total: float, message: str = "", remaining: float | None = None) -> None:
        """Tell that `done` of `total` is done, what is being done, and the seconds that remain if known."""


class Lines:
    """Progress as plain lines, for a log file or a pipe: one every ten seconds."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit
        self._started = self._spoken = time.monotonic()

    def __call__(self, done: float, total: float, message: str = "", remaining: float | None = None) -> None:
        """Say how far it is, if ten seconds have gone by."""
        now = time.monotonic()
        if now - self._spoken < LINE_EVERY:
            return
        self._spoken = now
        if remaining is None and done > 0:
            remaining = (now - self._started) * (total - done) / done
        share = f"{100 * done / total:.0f} %" if total else ""
        count = f"{done:,.0f} of {total:,.0f} {self.unit}" if self.unit else share
        left = f"about {duration(remaining)} left" if remaining is not None else ""
        say(" · ".join(part for part in (message, count, left) if part))


class Bar:
    """Progress as a bar with the remaining time, for a person at a terminal."""

    def __init__(self, unit: str = "") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.unit = unit
        self.bar = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self.bar.add_task("starting", total=None, count="")

    def __call__(self, done: float, total: float, message: str = "", remaining: float | None = None) -> None:
        """Move the bar; the remaining time is its own."""
        del remaining
        task = self.bar.tasks[0]
        message = plain(message) or task.description
        if message != task.description or done < task.completed:  # another step: its own speed
            self.bar.reset(self._task, description=message)
        count = f"{done:,.0f}/{total:,.0f} {self.unit}" if self.unit else ""
        self.bar.update(self._task, completed=done, total=total or None, count=count)


@contextmanager
def progress(unit: str = "") -> Iterator[Progress]:
    """Show progress on stderr while the block runs: a bar at a terminal, else lines.

    `unit` is what is counted, such as ``"samples"``; empty where the numbers mean nothing to a person.
    """
    if not sys.stderr.isatty():
        yield Lines(unit)
        return
    bar = Bar(unit)
    with bar.bar:
        yield bar
