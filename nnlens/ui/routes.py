"""The address of pictures, ``/image/RUN/ID``; ``/image/RUN/ID/full`` and ``/image/RUN/ID/seen`` for the other forms.

``nnlens explore`` brings it along; ``panel serve apps/explorer.py --plugins nnlens.ui.routes`` adds it to Panel's own
server. Importing this module tells the page that the address exists.
"""

from __future__ import annotations

import logging
from urllib.parse import unquote

from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from nnlens.errors import StoreError
from nnlens.ui.core.images import SOURCES, Form

log = logging.getLogger(__name__)
DAY = 86_400


class ImageHandler(RequestHandler):
    """Serves a sample's picture, which browsers may keep: a run's samples never change."""

    async def get(self, run: str, sample: str, form: Form | None = None) -> None:
        """Answer with a picture, or with 404."""
        source = SOURCES.find(unquote(run))
        if source is None:
            self.send_error(404)
            return
        try:
            # not on the loop: a cold read would hold up every session
            found = await IOLoop.current().run_in_executor(None, source.formed, int(sample), form or "")
        except (LookupError, ValueError, OverflowError, StoreError):
            self.send_error(404)
            return
        self.set_header("Content-Type", found.kind)
        self.set_header(
            "Cache-Control", f"private, max-age={DAY}, immutable" if found.lasting else "no-store"
        )
        self.write(found.content)

    def write_error(self, status_code: int, **_: object) -> None:
        """Say no more than the number; a traceback is for the log."""
        self.finish(f"{status_code}")


ROUTES = [(r"/image/([^/]{1,400})/(\d{1,18})(?:/(full|seen))?", ImageHandler)]
SOURCES.routed = True
