"""A button that takes a file from the browser; what arrives is checked again on the server."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import param

from nnlens.errors import SamplesError
from nnlens.ui.look.component import Component
from nnlens.ui.look.text import plain
from nnlens.ui.look.theme import static


class FileButton(Component):
    """A link that opens the browser's choice of a file.

    Parameters
    ----------
    label, title : str
        What stands on it, and its tooltip.
    accept : sequence of str
        Endings that the browser offers.
    limit : int
        Bytes above which a file is not sent, and not taken.
    taken : callable
        Gets the name of the file and its bytes.
    guard : callable
        Wraps it, so that its errors are told: `Session.guard`.
    """

    label = param.String(doc="What stands on it.")
    title = param.String(doc="Its tooltip.")
    accept = param.String(doc="Endings, with commas.")
    limit = param.Integer(doc="Bytes above which the browser does not send a file.")
    busy = param.String(default="", doc="The name of the file that is being read; another waits until then.")

    _esm = static("file.js")

    def __init__(
        self, taken: Callable[[str, bytes], Any], guard: Callable[[Any], Any], **params: Any
    ) -> None:
        sheets = [static("base.css"), static("controls.css")]
        super().__init__(margin=0, sizing_mode="stretch_width", height=24, stylesheets=sheets, **params)
        self._taken, self._guarded = taken, guard(self._take)

    def _handle_msg(self, data: Any) -> None:
        self._guarded(data)

    def _take(self, data: Any) -> None:
        """Check what a browser sent, which may be anything, and hand it on."""
        if self.busy:
            raise SamplesError(f"{self.busy} is still being read.", "Give another file after it.")
        text = data.get("data") if isinstance(data, dict) else None
        if not isinstance(text, str) or 3 * len(text) // 4 > self.limit + 3:
            raise SamplesError("The file is too large.", f"Give one of at most {self.limit / 1e6:.0f} MB.")
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SamplesError("The file did not arrive whole.", "Try it again.") from error
        self._taken(plain(str(data.get("name", "file"))[-80:], 80), content)  # its ending says what it is
