"""The empty page in the look of nnlens; what stands on it comes later."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.util import edit_readonly
from panel_material_ui.base import FONT_CSS

from nnlens.ui.look.theme import THEMES, page_style

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session

log = logging.getLogger(__name__)


def configure() -> None:
    """Load what the page needs of Panel; called by servers, and by app scripts for each visitor."""
    # panel-material-ui declares its fonts twice, there without telling which letters each file has: a browser fetches
    # one file after the other, and lays the page out anew with each, until one has the letters it wants
    FONT_CSS.clear()
    pn.extension("tabulator")


def shell(title: str = "nnlens", dark: bool | None = None) -> pmui.Page:
    """Return an empty page.

    Parameters
    ----------
    title : str
        At the left of the bar, and in the browser's tab.
    dark : bool, optional
        The theme; by default what the page's address asks for.
    """
    before = _busy_watchers()
    page = pmui.Page(
        title=title,
        dark_theme=asked_dark() if dark is None else dark,
        theme_toggle=False,
        theme_config=THEMES,
        sx=page_style(),
        busy_indicator=None,  # it would flash at every touch; what takes longer is a job, and shown as one
        sidebar_variant="temporary",  # an empty, closed, persistent one shifts the page 320 px to the left
    )
    # a value of its own is no longer linked: else Panel walks through all of the page at every event of any visitor
    with edit_readonly(page):
        page.busy = False
    # the link itself is left, by which Panel's state would hold the page, and all on it, for ever
    for watcher in _busy_watchers():
        if watcher not in before:
            pn.state.param.unwatch(watcher)
    return page


def _busy_watchers() -> list[Any]:
    """Return what follows Panel's sign of being busy."""
    return list(pn.state.param.watchers.get("busy", {}).get("value", ()))


def asked_theme() -> str:
    """Return the theme that the page's address asks for; nothing where it leaves that to the system."""
    return bytes((pn.state.session_args or {}).get("theme", [b""])[0]).decode("ascii", "ignore")


def asked_dark() -> bool:
    """Whether the page's address asks for the dark theme."""
    return asked_theme() == "dark"


def adopt(page: pmui.Page, session: Session) -> None:
    """Let page and session switch themes together, and errors of callbacks reach the session's user."""
    known = weakref.ref(session)

    def tell(error: BaseException) -> None:
        shown = known()
        if shown is None:  # nobody is there to be told
            log.error("an error of a page that is gone", exc_info=error)
        else:
            shown.report(error)

    pn.config.exception_handler = tell

    def follow(event: Any) -> None:
        shown = known()
        if shown is None or shown.closed:  # another run stands here: the page does not hold this one
            page.param.unwatch(watcher)
        else:
            shown.theme = "dark" if event.new else "light"

    watcher = page.param.watch(follow, "dark_theme")
    session.param.watch(lambda event: setattr(page, "dark_theme", event.new == "dark"), "theme")


def put(page: pmui.Page, header: list[Any], main: Any) -> None:
    """Put parts onto a page in one step."""
    with pn.io.hold():
        page.header = header
        page.main = [main]
