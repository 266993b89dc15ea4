"""What other threads ask of a page reaches it, and in their order."""

from __future__ import annotations

import threading
import urllib.request

import panel as pn
import pytest

from nnlens.testing import wait_until
from nnlens.ui.core.page_thread import call_on_page, call_once_it_stands

THREADS, CALLS = 4, 300


class Held:
    """A page whose thread holds changes back all the time, and lets them go in between."""

    def __init__(self):
        self.documents, self.heard, self.adding = [], [], []

    def page(self):
        document = pn.state.curdoc
        add = document.add_next_tick_callback

        def watched(callback):
            self.adding.append(threading.get_ident())
            return add(callback)

        document.add_next_tick_callback = watched
        document.add_periodic_callback(lambda: self.hold(document), 1)
        self.documents.append(document)
        self.thread = threading.get_ident()
        return pn.pane.Str("held")

    def hold(self, document):
        """As Panel does at every change."""
        document.hold("combine")
        for number in range(50):
            document.title = f"{number}"
        document.unhold()


@pytest.fixture
def held(serve):
    page = Held()
    urllib.request.urlopen(serve(page.page), timeout=60).close()
    return page


def test_every_call_is_made_once_in_order_and_by_the_pages_own_thread(held):
    (document,) = held.documents

    def ask(thread):
        for number in range(CALLS):
            call_on_page(document, lambda number=number: held.heard.append((thread, number)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(held.heard) >= THREADS * CALLS, seen=lambda: len(held.heard), what="all calls")
    for thread in range(THREADS):
        assert [number for of, number in held.heard if of == thread] == list(range(CALLS))
    assert set(held.adding) == {held.thread}


def test_nothing_is_called_for_a_visitor_who_has_left(held):
    (document,) = held.documents
    gone = threading.Event()
    context = document.session_context
    loop, session = context.server_context.application_context.io_loop, context.session
    call_on_page(document, lambda: (session.destroy(), gone.set()))
    assert gone.wait(30)
    before, turned = len(held.adding), threading.Event()
    call_on_page(document, lambda: held.heard.append("late"))
    loop.add_callback(turned.set)
    assert turned.wait(30)
    assert held.heard == [] and len(held.adding) == before


def test_who_leaves_between_the_threads_is_not_called(held):
    """The page's own thread is busy with the leaving when it is asked."""
    (document,) = held.documents
    context, turned = document.session_context, threading.Event()
    loop = context.server_context.application_context.io_loop

    def leave_then_be_asked():
        call_on_page(
            document, lambda: held.heard.append("late")
        )  # from here on its turn comes after the leaving
        context.session.destroy()
        loop.add_callback(turned.set)

    loop.add_callback(leave_then_be_asked)
    assert turned.wait(30)
    assert held.heard == [] and held.adding == []


@pytest.fixture
def pool():
    """Panel with threads of its own, as of ``panel serve --num-threads``."""
    pn.config.nthreads = 2
    yield
    pn.config.nthreads = None


@pytest.mark.browser
def test_what_waits_for_the_page_is_called_by_its_own_thread_where_panel_has_others(serve, open_page, pool):
    page, heard = Held(), []
    url = serve(page.page)

    def ask():
        call_once_it_stands(page.documents[0], lambda: heard.append(threading.get_ident()))

    early = threading.Thread(target=lambda: (wait_until(lambda: page.documents), ask()))
    early.start()
    open_page(url)
    early.join()
    ask()
    wait_until(lambda: len(heard) == 2, what="both calls", seen=lambda: heard)
    assert set(heard) == {page.thread}
