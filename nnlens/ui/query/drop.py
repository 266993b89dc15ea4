"""Takes a picture that is dropped on the page or chosen from a file; what arrives is checked again here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import param

from nnlens.errors import SamplesError
from nnlens.lens.outside import LARGEST_FILE, check_size
from nnlens.ui.look.component import Component
from nnlens.ui.look.text import plain
from nnlens.ui.look.theme import static


class ImageDrop(Component):
    """Listens for pictures on the whole page.

    Parameters
    ----------
    taken : callable
        Gets the name of the file and its bytes.
    guard : callable
        Wraps it, so that its errors are told: `Session.guard`.
    """

    limit = param.Integer(default=LARGEST_FILE, doc="Bytes above which the browser does not send a file.")

    _esm = static("drop.js")

    def __init__(self, taken: Callable[[str, bytes], Any], guard: Callable[[Any], Any]) -> None:
        super().__init__(width=0, height=0, margin=0, sizing_mode="fixed")
        self._taken, self._guarded = taken, guard(self._take)

    def _handle_msg(self, data: Any) -> None:
        self._guarded(data)

    def _take(self, data: Any) -> None:
        """Check what a browser sent, which may be anything, and hand it on."""
        if not isinstance(data, dict):
            return
        size = data.get("size")
        text = data.get("data", "")
        if not isinstance(text, str) or 3 * len(text) // 4 > LARGEST_FILE + 3 or "data" not in data:
            check_size(size if isinstance(size, int) and size > LARGEST_FILE else LARGEST_FILE + 1)
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SamplesError("The file did not arrive whole.", "Try it again.") from error
        check_size(len(content))
        self._taken(plain(data.get("name", "picture"), 40), content)
