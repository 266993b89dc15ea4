"""The plugin contract for views and pages. No Panel is imported here: an author's module named ``views`` does that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from nnlens.analysis import PLUGIN_API
from nnlens.schema import Dims

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.state import ExplorerState, Selection


class View:
    """Shows results that have the variables named in `shows`.

    Attributes
    ----------
    plugin_api : int
        The version of this contract that the class was written for.
    title : str
        What the tab is called; the class name when empty.
    shows : mapping of str to dims
        Variables with their dims that a result must have. Matched by name with dims, then by dims alone.
    priority : int
        Among views that match the highest wins; the user can switch.
    """

    plugin_api: ClassVar[int] = PLUGIN_API
    title: ClassVar[str] = ""
    shows: ClassVar[Mapping[str, Dims]] = {}
    priority: ClassVar[int] = 0

    def element(self, result: xr.Dataset, theme: Mapping[str, str]) -> Any:
        """Draw a result.

        Parameters
        ----------
        result : Dataset
            A result that has what `shows` names.
        theme : mapping of str to str
            The tokens of the current theme, such as ``{"surface": "#FFFFFF", "ink": "#14181F", …}``.

        Returns
        -------
        HoloViews element, Panel object or matplotlib figure
            Independent of the selection: the shell highlights it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define element")

    def push(self, selection: Selection) -> Mapping[str, Any] | None:
        """Follow the selection by returning new columns for the source of the view; under 10 ms.

        Returns None when the view does not follow.
        """
        del selection
        return None


class Page(View):
    """A tab of its own, one instance a session, with access to the run and the state of the page."""

    def __init__(self, lens: Lens, state: ExplorerState) -> None:
        self.lens = lens
        self.state = state

    def panel(self) -> Any:
        """Build the tab: any Panel object."""
        raise NotImplementedError(f"{type(self).__name__} must define panel")
