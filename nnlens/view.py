"""The plugin contract for views and pages. No Panel is imported here: an author's module named ``views`` does that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import param
import xarray as xr

from nnlens.analysis import PLUGIN_API
from nnlens.schema import Dims

if TYPE_CHECKING:
    from nnlens.lens import Lens
    from nnlens.state import ExplorerState, Selection


Compute = Callable[..., None]
"""Takes the name of an analysis, what gets its result, and the request by name; see `Page.compute`."""


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


class Page(View, param.Parameterized):
    """A tab of its own, one instance a session, with access to the run and to what is selected and in focus.

    Its parameters are its state: they belong to one session, and those that differ from their defaults stand in the
    page's address (not one with a negative precedence). An error in it is shown in its tab.

    Parameters
    ----------
    lens : Lens
        The run with its analyses and results; shared, so only to be read.
    state : ExplorerState
        Of the session: ``state.select(ids, {"kind": "ids"})`` and ``state.focus = id`` are all that it takes to write.

    Attributes
    ----------
    host : callable or None
        What the explorer computes with; None in a script.
    """

    host: Compute | None = None

    def __init__(self, lens: Lens, state: ExplorerState) -> None:
        super().__init__()
        self.lens = lens
        self.state = state

    def panel(self) -> Any:
        """Build the tab, once: any Panel object."""
        raise NotImplementedError(f"{type(self).__name__} must define panel")

    def focused(self, sample: int | None) -> None:
        """Follow the focus, an id or None; like `push` it is called in the one batch of all views, under 10 ms."""
        del sample

    def compute(self, analysis: str, done: Callable[[xr.Dataset], Any], /, **request: Any) -> None:
        """Have an analysis computed, unless its result is stored already.

        In the explorer it is a job like any other, with its progress over the tab, and `done` is called on the page's
        own thread; in a script it is computed at once.

        Parameters
        ----------
        analysis : str
            Its name, or ``dist:name``.
        done : callable
            Gets the result.
        **request
            `layer`, `sample` and so on, and the analysis' parameters, as of `Lens.run`.
        """
        if self.host is not None:
            self.host(analysis, done, **request)
        else:
            done(self.lens.run(analysis, **request))
