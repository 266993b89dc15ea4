"""A button with a menu of files, as the browser sees it; what the files are is told by its subclass."""

from __future__ import annotations

from typing import Any

import param

from nnlens.ui.look.component import Component
from nnlens.ui.look.live import shared_sheets


class FileMenu(Component):
    """A button that offers files, says which is on its way and how far it is, and saves or copies what it is sent."""

    title = param.String(default="take this out", doc="The button's tooltip and label.")
    words = param.String(default="", doc="What stands beside the sign.")
    items = param.List(default=[], item_type=str, doc="What the menu offers.")
    busy = param.String(default="", doc="The name of the file that is being made.")
    at = param.String(default="", doc="How far a large file is.")

    _bundle = "static/take_out.js"  # an address, where there is a server: a page holds many of these

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        return shared_sheets(super()._process_param_change(params))
