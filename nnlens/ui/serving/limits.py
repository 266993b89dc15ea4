"""What every answer of the server carries, and how many pages it has room for."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

import panel_material_ui as pmui
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import OutputTransform, RequestHandler

from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import empty
from nnlens.ui.look.shell import shell
from nnlens.ui.look.text import error_words

HEADERS = {
    # Bokeh starts with inline scripts and compiles its callbacks; nothing may come from, or go to, another host
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss: data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri "
    "'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SafeHeaders(OutputTransform):
    """Adds the headers to every answer, also to those of Bokeh's own handlers."""

    def __init__(self, request: Any) -> None:
        super().__init__(request)

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Add the headers."""
        del finishing
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


LOCAL = frozenset({"localhost", "127.0.0.1"})


class ForeignHost(Matcher):
    """Matches a request for a host name that is not this machine's own.

    A page elsewhere can have its own name point here (DNS rebinding), and would then read answers as if they were its
    own: page, pictures and scripts alike.
    """

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return no arguments where it matches, None where it does not."""
        try:
            host = urlsplit(f"//{request.host}").hostname
        except ValueError:
            host = None
        return None if host in LOCAL else {}


class Refused(RequestHandler):
    """Answers 403 and no more."""

    def prepare(self) -> None:
        """Refuse, whatever is asked for."""
        self.send_error(403)

    def write_error(self, status_code: int, **_: object) -> None:
        """Say no more than the number."""
        self.finish(f"{status_code}")


class Seats:
    """Counts the open pages.

    Parameters
    ----------
    limit : int
        Pages at once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def take(self, session: str) -> bool:
        """Take a seat; False where none is free."""
        with self._lock:
            if len(self._taken) >= self.limit:
                return False
            self._taken.add(session)
            return True

    def leave(self, session: str) -> None:
        """Give a seat back."""
        with self._lock:
            self._taken.discard(session)


def busy_page(limit: int) -> pmui.Page:
    """Return the page for whoever comes when all seats are taken."""
    return message_page(
        "All places are taken", f"{limit} pages are open here. Close one, or load this page again in a while."
    )


def error_page(error: BaseException) -> pmui.Page:
    """Return the page where the explorer could not be built: what failed, and what to do."""
    return message_page("This run cannot be shown", *error_words(error))


def message_page(title: str, *lines: str) -> pmui.Page:
    """Return a page with words only."""
    page = shell()
    page.main = [Live(empty(title, *filter(None, lines)), css="bottom.css", margin=(48, 32))]
    return page
