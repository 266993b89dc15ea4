"""What other threads ask of a page reaches it, and in their order."""

from __future__ import annotations

import threading
import urllib.request

import panel as pn
import pytest

from nnlens.testing import wait_until
from nnlens.ui.core.page_thread import call_on_page

THREADS, CALLS = 4, 300


class Held:
    """A page whose thread holds changes back all the time, and lets them go in between."""

    def __init__(self):
        self.documents, self.heard, self.adding = [], [], set()

    def page(self):
        document = pn.state.curdoc
        add = document.add_next_tick_callback

        def watched(callback):
            self.adding.add(threading.get_ident())
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
    assert held.adding == {held.thread}


def test_nothing_is_called_for_a_visitor_who_has_left(held):
    (document,) = held.documents
    gone = threading.Event()
    session = document.session_context.session
    call_on_page(document, lambda: (session.destroy(), gone.set()))
    assert gone.wait(30)
    before = set(held.adding)
    call_on_page(document, lambda: held.heard.append("late"))
    assert held.heard == [] and held.adding == before
