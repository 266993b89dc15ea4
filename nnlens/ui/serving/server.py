"""The server: on this machine only, with the address of pictures, safe headers and a limit on pages.

Pages share one thread, whose callbacks take milliseconds: Python lets no two of them run at once anyway, and
Bokeh allows changes only under a page's lock. Pictures and what plugins draw have threads, computing has processes.

::

    nnlens.Lens("run").explore()
    nnlens explore run
"""

from __future__ import annotations

import asyncio
import logging
import threading
import webbrowser
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import panel as pn
import panel_material_ui as pmui
from bokeh.settings import settings
from panel.io.server import get_server
from tornado.ioloop import PeriodicCallback
from tornado.iostream import StreamClosedError
from tornado.routing import Rule
from tornado.websocket import WebSocketClosedError

from nnlens.errors import NNLensError
from nnlens.lens import Lens
from nnlens.ui import routes
from nnlens.ui.look.shell import configure
from nnlens.ui.serving.ahead import Ahead, give_ahead
from nnlens.ui.serving.limits import ForeignHost, Refused, SafeHeaders, Seats, busy_page, error_page
from nnlens.ui.serving.ports import HOST, free_port
from nnlens.ui.serving.run_show import RunShow
from nnlens.ui.serving.runs import Runs

log = logging.getLogger(__name__)
SEATS = 24
UNUSED = 60_000
"""Milliseconds that a page may take from its address to its connection; a session gone by then comes back bare."""
LEFT, LOOK = 2_000, 1_000
"""Milliseconds after which a page that was closed is taken apart, and what it waited for with it; how often to look."""


class Show(Protocol):
    """What is served."""

    def page(self) -> pmui.Page:
        """Build the page of one visitor."""

    def warm(self) -> None:
        """Read and compile ahead what pages need; called once, before the first visitor."""

    def shown(self) -> Hashable | None:
        """Tell what a page made now would show, equal where it would show the same; None: none is to be made ahead."""


class Served:
    """A running server.

    Attributes
    ----------
    url : str
        Its address.
    """

    def __init__(self, url: str, server: Any, look: PeriodicCallback) -> None:
        self.url = url
        self._server, self._look = server, look
        self._ended = threading.Event()

    def stop(self) -> None:
        """End it; returns when it has ended, unless called from its own thread."""
        self._server.io_loop.add_callback(self._server.io_loop.stop)

    def wait(self) -> None:
        """Wait until it has ended."""
        self._ended.wait()

    def run(self) -> None:
        """Serve in this thread until `stop`."""
        try:
            self._server.start()
            self._look.start()
            self._server.io_loop.asyncio_loop.set_exception_handler(forgive)
            self._server.io_loop.start()
        finally:
            self._look.stop()
            self._server.stop()
            self._ended.set()


def serve(
    show: Show,
    *,
    port: int | None = None,
    browser: bool = True,
    seats: int = SEATS,
    block: bool = True,
    ready: Callable[[str], Any] | None = None,
) -> Served:
    """Serve pages.

    Parameters
    ----------
    show : Show
    port : int, optional
        By default 5006, or a free one where that is taken.
    browser : bool
        Whether to open the browser.
    seats : int
        Pages at once; whoever comes later is told so.
    block : bool
        Whether to serve in this thread, until interrupted; else in another one, and return at once.
    ready : callable, optional
        Gets the address once it can be opened.

    Returns
    -------
    Served

    Raises
    ------
    NNLensError
        If the port is taken.
    """
    configure()
    # of every page anew, it costs a tenth of a second for advice to authors
    settings.perform_document_validation = False
    logging.getLogger("bokeh.server.views.ws").setLevel(
        logging.ERROR
    )  # it warns of every page that is closed
    show.warm()
    place = free_port(port)
    if block:
        served = _server(show, place, seats)
        _announce(served, browser, ready)
        served.run()
        return served
    return _in_thread(lambda: _server(show, place, seats), lambda served: _announce(served, browser, ready))


def _in_thread(make: Callable[[], Served], then: Callable[[Served], Any]) -> Served:
    """Make a server in a thread with a loop of its own."""
    made: list[Served] = []
    there = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            made.append(make())
        finally:
            there.set()
        made[0].run()

    threading.Thread(target=run, name="nnlens server", daemon=True).start()
    there.wait()
    if not made:
        raise NNLensError("The server could not be started.", "The log has the reason.")
    then(made[0])
    return made[0]


def _server(show: Show, port: int, seats: int) -> Served:
    taken, ahead = Seats(seats), Ahead(show)
    server = get_server(
        {"/": lambda: ahead.page() if ahead.makes(visitor()) else visit(show, taken)},
        port=port,
        address=HOST,
        websocket_origin=[f"{HOST}:{port}", f"localhost:{port}"],
        title="nnlens",
        start=False,
        show=False,
        verbose=False,
        extra_patterns=list(routes.ROUTES),
        check_unused_sessions_milliseconds=LOOK,
        unused_session_lifetime_milliseconds=UNUSED,
    )
    application = server._tornado
    application.transforms.append(SafeHeaders)
    application.default_router.rules.insert(0, Rule(ForeignHost(), Refused))
    context = give_ahead(application, ahead, taken)
    closed = Closed(server)

    def look() -> None:
        closed.look()
        if len(server.get_sessions()) == len(ahead):
            server.io_loop.add_callback(ahead.make, application, context, port)

    server.io_loop.add_callback(look)
    return Served(f"http://{HOST}:{port}/", server, PeriodicCallback(look, LOOK))


def forgive(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Pass over what could not be sent because the browser had left; anything else is logged as ever."""
    if not isinstance(context.get("exception"), WebSocketClosedError | StreamClosedError):
        loop.default_exception_handler(context)


class Closed:
    """Lets go of pages that were connected and are not any more, long before Bokeh does."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._connected: set[str] = set()

    def look(self) -> None:
        """Mark closed pages; Bokeh takes them apart the next time that it looks."""
        sessions = self._server.get_sessions()
        self._connected &= {session.id for session in sessions}
        for session in sessions:
            if session.connection_count:
                self._connected.add(session.id)
            elif session.id in self._connected and session.milliseconds_since_last_unsubscribe > LEFT:
                session.request_expiration()


def _announce(served: Served, browser: bool, ready: Callable[[str], Any] | None) -> None:
    if ready is not None:
        ready(served.url)
    if browser:
        threading.Thread(target=webbrowser.open, args=(served.url,), daemon=True).start()


def visitor() -> str:
    """Return the id of the session whose page is being made; nothing outside of one."""
    context = pn.state.curdoc.session_context if pn.state.curdoc else None
    return str(context.id) if context else ""


def visit(show: Show, seats: Seats) -> pmui.Page:
    """Build a visitor's page; where that fails or there is no room, a page that says so."""
    session = visitor()
    if session and not seats.take(session):
        return busy_page(seats.limit)
    if session:
        pn.state.on_session_destroyed(lambda _: seats.leave(session))
    try:
        return show.page()
    except Exception as error:  # a script that raises would be served as an empty page
        log.exception("a page could not be built")
        return error_page(error)


def explore(lens: Lens, **options: Any) -> Served:
    """Open the run of a Lens in the browser; options as of `serve`."""
    # another run that comes to lie in its place is opened with what this one was opened with
    runs = Runs({}, lambda path: Lens(path, lens.model, lens.registry, lens._jobs, lens._samples))
    runs.add(lens.store.name, lens)
    return serve(RunShow(runs), **options)
