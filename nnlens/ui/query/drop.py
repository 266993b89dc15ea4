"""Takes a picture, or weights, dropped on the page or chosen from a file; what arrives is checked again here."""

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
from nnlens.ui.query.arriving import ENDINGS, PIECE, Arriving

WORDS = "Drop a picture to find the samples like it"
MORE = ", or weights of the same architecture"


class ImageDrop(Component):
    """Listens for pictures and weights on the whole page.

    Parameters
    ----------
    taken : callable
        Gets the name of a picture's file and its bytes.
    guard : callable
        Wraps it, so that its errors are told: `Session.guard`.
    weights : Arriving, optional
        Takes weights.
    takes : bool
        Whether the run has a model that takes weights: the veil names them then only. Those that are dropped
        all the same are told why they are not taken.
    """

    limit = param.Integer(default=LARGEST_FILE, doc="Bytes above which the browser does not send a picture.")
    piece = param.Integer(default=PIECE, doc="Bytes of weights in one message.")
    endings = param.List(default=list(ENDINGS), doc="By which weights are told from pictures.")
    words = param.String(doc="What the veil says while files are over the page.")

    _esm = static("drop.js")

    def __init__(
        self,
        taken: Callable[[str, bytes], Any],
        guard: Callable[[Any], Any],
        weights: Arriving | None = None,
        takes: bool = True,
    ) -> None:
        words = WORDS + MORE if takes and weights is not None else WORDS
        super().__init__(words=words, width=0, height=0, margin=0, sizing_mode="fixed")
        self._taken, self._weights, self._guarded = taken, weights, guard(self._take)

    def _handle_msg(self, data: Any) -> None:
        self._guarded(data)

    def _take(self, data: Any) -> None:
        """Check what a browser sent, which may be anything, and hand it on."""
        if not isinstance(data, dict):
            return
        if self._weights is not None and ("weights" in data or "at" in data):
            self._take_weights(self._weights, data)
            return
        if data.get("failed"):  # the browser could not read it
            raise _broken()
        size = data.get("size")
        text = data.get("data", "")
        if not isinstance(text, str) or 3 * len(text) // 4 > LARGEST_FILE + 3 or "data" not in data:
            check_size(size if isinstance(size, int) and size > LARGEST_FILE else LARGEST_FILE + 1)
        content = _decoded(text)
        check_size(len(content))
        self._taken(plain(data.get("name", "picture"), 40), content)

    def _take_weights(self, weights: Arriving, data: dict[Any, Any]) -> None:
        """Begin a file, or go on with it, and ask for what follows."""
        count = data.get("weights", data.get("count"))
        if "weights" in data:
            wanted: int | None = weights.begin(data.get("name", "weights"), data.get("size"), count)
        else:
            wanted = weights.add(data["at"], _piece(data.get("data")), count)
        if wanted is not None:
            self._send_msg({"at": wanted, "count": count})


def _piece(text: object) -> bytes:
    """Decode a piece; nothing where it is none, which ends its file."""
    if not isinstance(text, str) or 3 * len(text) // 4 > PIECE + 3:
        return b""
    try:
        return _decoded(text)
    except SamplesError:
        return b""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _broken() from error


def _broken() -> SamplesError:
    return SamplesError("The file did not arrive whole.", "Try it again.")
