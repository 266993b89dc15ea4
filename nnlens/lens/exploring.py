"""The way from a script to the page; the library below never imports the interface, which is found by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nnlens.errors import StoreError

if TYPE_CHECKING:
    from nnlens.lens import Lens


def explore(lens: Lens, options: dict[str, Any]) -> Any:
    """Open a run in the browser; see `Lens.explore`.

    Raises
    ------
    StoreError
        If the interface is not installed.
    """
    try:
        server = importlib.import_module("nnlens.ui.serving.server")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("nnlens"):
            raise
        raise StoreError("The interface is not installed.", "pip install 'nnlens[ui]'") from error
    return server.explore(lens, **options)
