"""Onto the thread that serves a page, from any other; and what is to be done once the page has been left."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import panel as pn
from bokeh.document import Document

T = TypeVar("T")


def call_on_page(document: Document, function: Callable[[], Any]) -> None:
    """Run a function with a page's lock, as soon as may be.

    Parameters
    ----------
    document : Document
        The page; nothing is run once its visitor has left.
    function : callable

    Notes
    -----
    Bokeh takes a callback from any thread, but what it is told while the page's own thread holds changes back may be
    lost: the list that it is added to is copied, then emptied. So the page's own thread adds it.
    """
    context = document.session_context
    if context is None or context.destroyed:
        return

    def add() -> None:
        if not context.destroyed:
            document.add_next_tick_callback(lambda: function() and None)

    served_by = getattr(context.server_context, "application_context", None)
    loop = getattr(served_by, "io_loop", None)
    if loop is None:  # no server of Bokeh's, or one that has ended
        add()
    else:
        loop.add_callback(add)


def call_once_it_stands(document: Document, function: Callable[[], Any]) -> None:
    """Run a function as `call_on_page` does, but not before the page stands: what a browser is told earlier, it loses.

    Between the moment in which a browser is given the page and the one in which it has drawn it, Panel drops all
    changes. What it calls once the page stands, it calls from a thread of its pool, where it has one: so back again.
    """
    call_on_page(document, lambda: pn.state.onload(lambda: call_on_page(document, function)))


def when_left(owner: T, action: Callable[[T], Any]) -> None:
    """Have something done to an object once the visitor has left the page, if it is there by then.

    A page may show one run after the other, and would else hold everything of all of them.

    Parameters
    ----------
    owner : object
    action : callable
        Gets the owner, and does not hold it itself.
    """
    known = weakref.ref(owner)

    def left(_: Any) -> None:
        there = known()
        if there is not None:
            action(there)

    pn.state.on_session_destroyed(left)
