"""A table whose titles are text: Tabulator itself takes the name of a column for markup."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn

from nnlens.ui.look.text import quoted
from nnlens.ui.look.theme import static


class Grid(pn.widgets.Tabulator):
    """A table that is read, not written in, a page of it at a time.

    Parameters
    ----------
    frame : DataFrame
        Its columns may be called anything.
    """

    def __init__(self, frame: pd.DataFrame, **params: Any) -> None:
        shape = {"theme": "simple", "sizing_mode": "stretch_both", "stylesheets": [static("table.css")]}
        ways = {"pagination": "remote", "show_index": False, "disabled": True}
        super().__init__(frame, titles=_titles(frame), **ways, **shape, **params)

    def put(self, frame: pd.DataFrame) -> None:
        """Show other rows, from the first page on, none of them chosen."""
        self.param.update(page=1, value=frame, selection=[], titles=_titles(frame))


def _titles(frame: pd.DataFrame) -> dict[str, str]:
    return {str(column): str(quoted(column)) for column in frame.columns}
