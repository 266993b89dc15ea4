"""A page made ahead: while nobody looks, the page of the next visitor is made, and need only be sent.

Making a page takes the server about a second, in which a browser would wait. One is kept, of what the bare address
shows, and given away only while a page made anew would show the same.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING

import panel_material_ui as pmui
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import generate_jwt_token, generate_session_id
from panel.io.server import DocHandler
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from nnlens.ui.look.shell import shell
from nnlens.ui.serving.limits import Seats
from nnlens.ui.serving.ports import HOST

if TYPE_CHECKING:
    from nnlens.ui.serving.server import Show

log = logging.getLogger(__name__)


class Ahead:
    """Keeps one page that no visitor has yet.

    Parameters
    ----------
    show : Show
        Makes the pages, and tells what one made now would show.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._making = ""
        self._session: ServerSession | None = None
        self._showed: Hashable | None = None

    def makes(self, session: str) -> bool:
        """Whether the page of this session, which is being made, is for nobody yet."""
        return session == self._making != ""

    def page(self) -> pmui.Page:
        """Make the page; one that cannot be made is never given away."""
        try:
            return self._show.page()
        except Exception:  # the visitor's own page will fail in the same way, and tell
            log.debug("no page could be made ahead", exc_info=True)
            self._making = ""
            return shell()

    async def make(self, context: ApplicationContext, port: int) -> None:
        """Make a page, unless there is one that is as good as new, or that could not be made."""
        showed = self._show.shown()
        if self._making or showed is None or showed == self._showed:
            return
        self.drop()
        name, line = generate_session_id(), RequestStartLine("GET", "/", "HTTP/1.1")
        request = HTTPServerRequest(headers=HTTPHeaders({"Host": f"{HOST}:{port}"}), start_line=line)
        self._making, self._showed = name, showed
        session = await context.create_session_if_needed(name, request, generate_jwt_token(name))
        if self._making:
            session.block_expiration()
            self._session, self._making = session, ""
        else:
            session.request_expiration()

    def take(self) -> ServerSession | None:
        """Give the page away; None where there is none, or none that shows what a new one would."""
        session, showed = self._session, self._showed
        if session is None:
            return None
        self._session = self._showed = None
        session.unsubscribe(None)  # from nobody: its time to be connected begins
        session.unblock_expiration()
        if self._show.shown() == showed:
            return session
        session.request_expiration()
        return None

    def drop(self) -> None:
        """Let go of the page."""
        session = self.take()
        if session is not None:
            session.request_expiration()

    def __len__(self) -> int:
        """Return how many pages there are that no visitor has."""
        return int(bool(self._making) or self._session is not None)


def give_ahead(application: BokehTornado, ahead: Ahead, seats: Seats) -> ApplicationContext:
    """Have the page's address give away what was made ahead, to who asks for the bare address.

    Parameters
    ----------
    application : BokehTornado
        The server's, whose pages Panel makes.
    ahead : Ahead
    seats : Seats

    Returns
    -------
    ApplicationContext
        What makes the sessions.
    """

    class Given(DocHandler):
        async def get_session(self) -> ServerSession:
            session = None if self.request.query else ahead.take()
            if session is None or not seats.take(session.id):
                return await super().get_session()
            session.document.on_session_destroyed(lambda _: seats.leave(session.id))
            session._token = generate_jwt_token(session.id)  # the first one ends after minutes
            return session

    rule = next(rule for rule in application.wildcard_router.rules if rule.target is DocHandler)
    rule.target = Given
    context: ApplicationContext = rule.target_kwargs["application_context"]
    return context
