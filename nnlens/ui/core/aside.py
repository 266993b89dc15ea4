"""Work of a moment that must not hold up the other pages: code of plugins that draws, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from nnlens.ui.core.session import Session

T = TypeVar("T")
_POOL = ThreadPoolExecutor(2, thread_name_prefix="nnlens aside")


def aside(session: Session, work: Callable[[], T], done: Callable[[T], Any]) -> None:
    """Run `work` in another thread, then `done` with what it returned on the page's own; errors are told.

    A page without a server, as in a test, waits for it.
    """
    if session.document is None or session.document.session_context is None:
        session.guard(lambda: done(work()))()
        return

    def run() -> None:
        try:
            made = work()
        except Exception as error:  # told on the page's own thread
            session.later(_raiser(error))
        else:
            session.later(lambda: done(made))

    _POOL.submit(run)


def _raiser(error: Exception) -> Callable[[], None]:
    def again() -> None:
        raise error

    return again
