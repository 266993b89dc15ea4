"""Take something out of the page: a button whose menu offers files, each made when it is asked for, not before.

::

    TakeOut(session, "save this map", [Download("Picture (PNG)", "run-map.png", lambda: picture.png())])

A file goes over the page's own connection, so nothing is fetched and no address is needed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import param
from panel.custom import JSComponent

from nnlens.ui.core.aside import aside
from nnlens.ui.core.session import Session
from nnlens.ui.look.text import plain
from nnlens.ui.look.theme import static


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
    make: Callable[[], bytes | str]


class TakeOut(JSComponent):
    """A button with a menu of files.

    Parameters
    ----------
    session : Session
    title : str
        The button's tooltip and label.
    downloads : sequence of Download
    """

    title = param.String(default="take this out", doc="The button's tooltip and label.")
    items = param.List(default=[], item_type=str, doc="What the menu offers.")
    busy = param.String(default="", doc="The name of the file that is being made.")

    _esm = static("take_out.js")

    def __init__(self, session: Session, title: str, downloads: Sequence[Download], **layout: Any) -> None:
        sheets = [static("base.css"), static("take_out.css")]
        shape = {"margin": 0, "width": 28, "height": 28, "sizing_mode": "fixed", **layout}
        labels = [plain(each.label) for each in downloads]
        super().__init__(title=title, items=labels, stylesheets=sheets, **shape)
        self._session, self._downloads = session, list(downloads)
        self._asked = session.guard(self._ask)

    def _handle_msg(self, data: Any) -> None:
        place = data.get("item") if isinstance(data, dict) else None
        if isinstance(place, int) and 0 <= place < len(self._downloads) and not self.busy:
            self._asked(self._downloads[place])

    def _ask(self, wanted: Download) -> None:
        name = wanted.name if isinstance(wanted.name, str) else wanted.name()
        self.busy = name

        def made() -> bytes | str | BaseException:
            try:
                return wanted.make()
            except Exception as error:  # told on the page's own thread, once the button is free again
                return error

        aside(self._session, made, lambda content: self._give(name, content))

    def _give(self, name: str, content: bytes | str | BaseException) -> None:
        self.busy = ""
        if isinstance(content, BaseException):
            raise content
        if isinstance(content, str):
            self._send_msg({"copy": content})
        else:
            self._send_msg({"name": name, "content": base64.b64encode(content).decode()})
