"""Take something out of the page: a button whose menu offers files, each made when it is asked for, not before.

::

    TakeOut(session, "save this map", [Download("Picture (PNG)", "run-map.png", lambda: picture.png())])

A file goes over the page's own connection, so nothing is fetched and no address is needed. A large one goes piece by
piece, each made when the browser has the one before; the button says how far it is, and can end it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nnlens.ui.core.aside import aside
from nnlens.ui.core.session import Session
from nnlens.ui.look.files import FileMenu
from nnlens.ui.look.text import plain, seconds
from nnlens.ui.look.theme import static


@dataclass(frozen=True)
class Pieces:
    """A large content.

    Attributes
    ----------
    each : iterator of bytes
        Makes one piece after the other.
    share : callable
        How much of it is made, from 0 to 1.
    """

    each: Iterator[bytes]
    share: Callable[[], float]


@dataclass(frozen=True)
class Download:
    """A file that can be had.

    Attributes
    ----------
    label : str
        What the menu calls it.
    name : str or callable
        The file's name; a callable is asked on the page's thread when it is clicked.
    make : callable
        Returns the content; called in another thread when it is clicked. It only reads. A text is not saved but copied
        to the clipboard.
    """

    label: str
    name: str | Callable[[], str]
    make: Callable[[], bytes | str | Pieces]


class _Way:
    """A file on its way out in pieces."""

    def __init__(self, name: str, pieces: Pieces) -> None:
        self.name, self.pieces, self.since = name, pieces, time.monotonic()

    def words(self) -> str:
        """Say how far it is, and how long it will take."""
        share, spent = self.pieces.share(), time.monotonic() - self.since
        left = f" · {seconds(spent / share * (1 - share))} left" if share > 0.01 and spent > 1 else ""
        return f"{share:.0%}{left}"


class TakeOut(FileMenu):
    """A button with a menu of files.

    Parameters
    ----------
    session : Session
    title : str
        The button's tooltip and label.
    downloads : sequence of Download
    words : str
        Stand beside the sign.
    """

    def __init__(
        self, session: Session, title: str, downloads: Sequence[Download], words: str = "", **layout: Any
    ) -> None:
        sheets = [static("base.css"), static("take_out.css")]
        shape = {"margin": 0, "width": 28, "height": 28, "sizing_mode": "fixed", **layout}
        labels = [plain(each.label) for each in downloads]
        super().__init__(title=title, items=labels, words=words, stylesheets=sheets, **shape)
        self._session, self._downloads = session, list(downloads)
        self._way: _Way | None = None
        self._asked, self._go_on = session.guard(self._ask), session.guard(self._further)

    def _handle_msg(self, data: Any) -> None:
        told = data if isinstance(data, dict) else {}
        place = told.get("item")
        if told.get("cancel"):
            self._end()
        elif told.get("more") and self._way is not None:
            self._go_on()
        elif isinstance(place, int) and 0 <= place < len(self._downloads) and not self.busy:
            self._asked(self._downloads[place])

    def _ask(self, wanted: Download) -> None:
        name = wanted.name if isinstance(wanted.name, str) else wanted.name()
        self.busy = name

        def made() -> bytes | str | Pieces | BaseException:
            try:
                return wanted.make()
            except Exception as error:  # told on the page's own thread, once the button is free again
                return error

        aside(self._session, made, lambda content: self._give(name, content))

    def _give(self, name: str, content: bytes | str | Pieces | BaseException) -> None:
        if isinstance(content, Pieces):
            self._way = _Way(name, content)
            self._further()
            return
        self._end()
        if isinstance(content, BaseException):
            raise content
        if isinstance(content, str):
            self._send_msg({"copy": content})
        else:
            self._send_msg({"name": name, "content": _text(content), "last": True})

    def _end(self) -> None:
        self._way, self.busy, self.at = None, "", ""

    def _further(self) -> None:
        """Make the next piece."""
        way = self._way
        if way is None:
            return
        self.at = way.words()

        def made() -> bytes | BaseException | None:
            try:
                return next(way.pieces.each, None)
            except Exception as error:
                return error

        aside(self._session, made, lambda piece: self._pass(way, piece))

    def _pass(self, way: _Way, piece: bytes | BaseException | None) -> None:
        if way is not self._way:  # ended meanwhile
            return
        if piece is None or isinstance(piece, BaseException):
            self._end()
        if isinstance(piece, BaseException):
            self._send_msg({"dropped": True})
            raise piece
        self._send_msg({"name": way.name, "content": _text(piece or b""), "last": piece is None})


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
