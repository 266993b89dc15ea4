"""A piece of the page: markup made on the server, whose marked elements send clicks and keys back.

An element with ``data-act`` is clickable; ``data-value`` goes along (a select's own value). Those inside one
``data-walk`` group are walked with the arrow keys, but for those with ``data-aside``. ``data-copy`` puts its text on
the clipboard, or the page's address when it is empty. ``data-face`` is a place for a picture of `Faced`. Nothing is
fetched and nothing is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
import param
from bokeh.document import Document
from bokeh.models import InlineStyleSheet
from markupsafe import Markup

from nnlens.ui.look.component import Component
from nnlens.ui.look.theme import static

Action = Callable[[str, Mapping[str, Any]], None]
"""What a click does: (value, keys held), where keys are ``shift``, ``ctrl`` and ``double``."""


_SHEETS: WeakKeyDictionary[Document, dict[str, InlineStyleSheet]] = WeakKeyDictionary()


def shared_sheets(properties: dict[str, Any]) -> dict[str, Any]:
    """Give equal style sheets of one page one model."""
    if "stylesheets" in properties and pn.state.curdoc is not None:
        shared = _SHEETS.setdefault(pn.state.curdoc, {})
        properties["stylesheets"] = [
            shared.setdefault(sheet, InlineStyleSheet(css=sheet)) if isinstance(sheet, str) else sheet
            for sheet in properties["stylesheets"]
        ]
    return properties


class Live(Component):
    """Markup with actions.

    Parameters
    ----------
    html : Markup
        What is shown; made with `nnlens.ui.look.text.fill`.
    actions : mapping of str to callable
        By the name in ``data-act``.
    guard : callable
        Wraps each action, so that its errors are told: `Session.guard`.
    css : str or sequence of str
        Style sheets of the folder ``static``, on top of the page's own.
    """

    html = param.String(default="", doc="Markup of our own making.")

    _bundle = "static/live.js"  # an address, where there is a server: a page holds fifty of these

    def __init__(
        self,
        html: Markup | str = "",
        actions: Mapping[str, Action] | None = None,
        guard: Callable[[Action], Any] = lambda action: action,
        css: str | Sequence[str] = (),
        **layout: Any,
    ) -> None:
        sheets = ["base.css", *([css] if isinstance(css, str) else css)]
        shape = {"margin": 0, "sizing_mode": "stretch_width", **layout}
        super().__init__(html=str(html), stylesheets=[static(name) for name in sheets], **shape)
        self._actions = {name: guard(action) for name, action in (actions or {}).items()}

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        """Have all pieces of one page share their style sheets: fifty copies were a fifth of what a page sends."""
        return shared_sheets(super()._process_param_change(params))

    def show(self, html: Markup) -> None:
        """Replace what is shown, if it is different."""
        if self.html != html:
            self.html = str(html)

    def _handle_msg(self, data: Any) -> None:
        action = self._actions.get(str(data.get("act"))) if isinstance(data, dict) else None
        if action is not None:
            action(str(data.get("value", "")), data)


class Faced(Live):
    """Markup whose elements with ``data-face`` carry pictures that come and go without the rest."""

    faces = param.Dict(
        default={}, doc="By ``data-face`` the address of a picture and the classes that draw it."
    )
