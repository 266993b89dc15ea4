"""A page made ahead: while nobody looks, the page of the next visitor is made, and need only be sent.

Making a page takes the server about a second, in which a browser would wait. One is kept, of what the bare address
shows, and given away only while a page made anew would show the same.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import panel_material_ui as pmui
from bokeh.document import Document
from bokeh.model import Model
from bokeh.server.contexts import ApplicationContext
from bokeh.server.session import ServerSession
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import generate_jwt_token, generate_session_id
from panel.io.resources import Resources
from panel.io.server import DocHandler, server_html_page_for_session
from panel.io.state import set_curdoc
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from nnlens.ui.look.shell import shell
from nnlens.ui.serving.limits import Seats
from nnlens.ui.serving.ports import HOST

if TYPE_CHECKING:
    from nnlens.ui.serving.server import Show

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """A page that no visitor has yet.

    Attributes
    ----------
    session : ServerSession
    html : str
        What the browser is sent first; it names the session by a token.
    token : str
        That one. It ends after minutes.
    shown : hashable
        What the page shows.
    """

    session: ServerSession
    html: str
    token: str
    shown: Hashable

    def fresh(self) -> str:
        """Return the HTML with a token that has just begun."""
        return self.html.replace(self.token, generate_jwt_token(self.session.id))


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
        self._tried: Hashable | None = None
        self._waiting: Waiting | None = None

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

    async def make(self, application: BokehTornado, context: ApplicationContext, port: int) -> None:
        """Make a page, unless there is one that is as good as new, or that could not be made.

        Parameters
        ----------
        application : BokehTornado
            The server's.
        context : ApplicationContext
            What makes the sessions of the page's address.
        port : int
        """
        shown = self._show.shown()
        if self._making or (shown == self._tried and shown is not None):
            return
        self.drop()
        if shown is None:
            return
        name, line = generate_session_id(), RequestStartLine("GET", "/", "HTTP/1.1")
        request = HTTPServerRequest(headers=HTTPHeaders({"Host": f"{HOST}:{port}"}), start_line=line)
        self._making, self._tried = name, shown
        token = generate_jwt_token(name)
        try:
            session = await context.create_session_if_needed(name, request, token)
            if self._making:
                html = html_of(session, application, token)
                serialize_ahead(session.document)
                session.block_expiration()
                self._waiting = Waiting(session, html, token, shown)
            else:
                session.request_expiration()
        except Exception:  # a session without a page is taken apart as any that nobody connects to
            log.debug("no page could be made ahead", exc_info=True)
        self._making = ""

    def take(self, seats: Seats) -> Waiting | None:
        """Give the page away; None where there is none, none that shows what a new one would, or no seat.

        Parameters
        ----------
        seats : Seats
            Where its visitor sits from now on.
        """
        waiting = self._waiting
        if waiting is None:
            return None
        self._let_go()
        session = waiting.session
        if self._show.shown() != waiting.shown or not seats.take(session.id):
            session.request_expiration()
            return None
        session.document.on_session_destroyed(lambda _: seats.leave(session.id))
        return waiting

    def drop(self) -> None:
        """Let go of the page, which is taken apart."""
        if self._waiting is not None:
            self._waiting.session.request_expiration()
            self._let_go()

    def _let_go(self) -> None:
        if self._waiting is not None:
            session, self._waiting, self._tried = self._waiting.session, None, None
            session.unsubscribe(None)  # from nobody: the time in which it is to be connected begins
            session.unblock_expiration()

    def __len__(self) -> int:
        """Return how many pages there are that no visitor has."""
        return int(bool(self._making) or self._waiting is not None)


def html_of(session: ServerSession, application: BokehTornado, token: str) -> str:
    """Write the HTML of a page, as Panel does when it is asked for; it settles the addresses of style sheets too."""
    document = session.document
    with set_curdoc(document):
        return str(
            server_html_page_for_session(
                session,
                resources=Resources.from_bokeh(application.resources()),
                title=document.title,
                token=token,
                template=document.template,
                template_variables=document.template_variables,
            )
        )


def serialize_ahead(document: Document) -> None:
    """Serialize a page before it is asked for: a third of a second that a browser need not wait.

    It holds for the first question, and only while neither the page nor the kinds of models that there are change.
    """
    with set_curdoc(document):
        made, kinds = document.to_json(), len(Model.model_class_reverse_map)
    forget = document.__dict__.pop

    def to_json(*, deferred: bool = True) -> Any:
        forget("to_json", None)
        same = deferred and kinds == len(Model.model_class_reverse_map)
        return made if same else document.to_json(deferred=deferred)

    document.to_json = to_json
    document.on_change(lambda _: forget("to_json", None))


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
        async def get(self, *args: Any, **kwargs: Any) -> None:
            waiting = None if self.request.query else ahead.take(seats)
            if waiting is None:
                await super().get(*args, **kwargs)
                return
            self.set_header("Cache-Control", "no-store")  # the token is for this visitor
            self.set_header("Content-Type", "text/html")
            self.write(waiting.fresh())

    rule = next(rule for rule in application.wildcard_router.rules if rule.target is DocHandler)
    rule.target = Given
    context: ApplicationContext = rule.target_kwargs["application_context"]
    return context
