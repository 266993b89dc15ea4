"""The dialog of a page, in which long texts are read over all the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui


class Overlay:
    """One dialog for all texts: each is made when it is first asked for, so that pages need not wait for it.

    Attributes
    ----------
    view : Dialog
        It stands anywhere on the page.
    """

    def __init__(self) -> None:
        self._body = pn.Column(sizing_mode="stretch_width")
        self._made: dict[str, Any] = {}
        self.view = pmui.Dialog(
            self._body,
            title="",
            open=False,
            show_close_button=True,
            close_on_click=True,
            scroll="paper",
            width_option="md",
        )

    def open(self, title: str, make: Callable[[], Any]) -> None:
        """Show a text; `make` returns its view."""
        if title not in self._made:
            self._made[title] = make()
        with pn.io.hold():
            self._body[:] = [self._made[title]]
            self.view.param.update(title=title, open=True)

    def shows(self, title: str) -> bool:
        """Whether it is open with this text."""
        return bool(self.view.open and self.view.title == title)

    def close(self) -> None:
        """Hide it."""
        self.view.open = False
