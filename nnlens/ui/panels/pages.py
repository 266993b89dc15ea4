"""Pages of plugins: each a tab, with a state of its own; what goes wrong in one is shown in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

import panel as pn
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError, PluginError
from nnlens.registry import PluginInfo
from nnlens.registry.vetting import one_line
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, button, empty, icon_button
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import error_words, fill, plain
from nnlens.ui.panels.bottom import Tab
from nnlens.view import Page

if TYPE_CHECKING:
    from nnlens.lens import Lens

log = logging.getLogger(__name__)


class PluginPage(Hideable):
    """Hosts one page of a plugin, from its first opening on.

    Parameters
    ----------
    session : Session
    lens : Lens
    work : Work
    cls : type of Page
    info : PluginInfo
        Which plugin it is.

    Attributes
    ----------
    hidden : bool
        Whether another tab is open: the page is not told of selections then, but of the last when it is shown again.
    """

    def __init__(self, session: Session, lens: Lens, work: Work, cls: type[Page], info: PluginInfo) -> None:
        self.session, self.lens, self.work, self.cls, self.info = session, lens, work, cls, info
        self._page: Page | None = None
        self._task: Task | None = None
        actions = {"cancel": self._cancel, "close": lambda *_: self._quiet()}
        self._head = Live(actions=actions, guard=session.guard, css="bottom.css", visible=False)
        self._body = pn.Column(**FILL, styles={"overflow": "auto", "min-height": "0", "padding": "8px 16px"})
        self.view = pn.Column(self._head, self._body, **FILL, styles={"overflow": "hidden", "height": "100%"})
        session.hub.register(info.id, lambda _: self._follow())
        session.hub.register(f"{info.id} focus", lambda _: self._follow_focus(), "focus")
        session.claims.append(self._claim)
        work.param.watch(session.guard(lambda _: self._tell()), "changes")
        self._body[:] = [Live(fill('<div class="bone tall"></div>'), css="bottom.css")]
        session.later(self._begin)  # so that what fails while it is drawn fails in its tab

    # ---------------------------------------------------------------------------------------------- its life
    def _begin(self) -> None:
        """Make the page anew, with the state that the address has for it."""
        self._page = None
        try:
            page = self.cls(self.lens, self.session.state)
            page.host = self.compute
            self._restore(page)
            content = page.panel()
            if content is None:
                raise PluginError("its panel returned nothing.")
            self._page = page
            if own_state(page):
                page.param.watch(self.session.guard(lambda *_: self._remember()), list(own_state(page)))
            self._body[:] = [pn.panel(content)]
        except Exception as error:  # whatever a stranger's page raises is told in its place
            self._broken(error)
            return
        self._follow()
        self._follow_focus()

    def _follow(self) -> None:
        if self.put_off(self._follow):
            return
        self._call("push", self.session.state.selection)

    def _follow_focus(self) -> None:
        if self.put_off(self._follow_focus):
            return
        self._call("focused", self.session.state.focus)

    def _call(self, method: str, value: Any) -> None:
        if self._page is None:
            return
        try:
            getattr(self._page, method)(value)
        except Exception as error:
            self._failed(error)

    # ---------------------------------------------------------------------------------------------- its state
    def _restore(self, page: Page) -> None:
        """Give it what the address says of it; what it cannot be is dropped with a word."""
        known = own_state(page)
        for key, value in self.session.pages.get(self.info.id, {}).items():
            try:
                page.param.update(**{key: known[key].deserialize(value)})
            except Exception:  # from an address, so it may be anything
                self.session.report(
                    f"The address asks for {plain(key, 24)} = {plain(value, 24)} of {plain(self.info.title)}, "
                    "which is left out.",
                    "info",
                )

    def _remember(self) -> None:
        """Put the state into the page's address."""
        if self._page is None:
            return
        changed = changed_state(self._page)
        others = {key: state for key, state in self.session.pages.items() if key != self.info.id}
        self.session.pages = {**others, **({self.info.id: changed} if changed else {})}

    # ---------------------------------------------------------------------------------------------- its work
    def compute(self, analysis: str, done: Callable[[xr.Dataset], Any], /, **request: Any) -> None:
        """Compute for the page: take at once what is stored, else start a job."""
        found = self.lens.cached(analysis, **request)
        if found is not None:
            done(found)
            return
        title = plain(self.lens.registry.info(analysis).title or analysis, 40)
        if self._task is not None:
            self.work.drop(self._task)
        self._task = self.work.submit(
            analysis, title, lambda result: self._arrived(done, result), request, failed=self._failed
        )
        self._tell()

    def _arrived(self, done: Callable[[xr.Dataset], Any], result: xr.Dataset) -> None:
        try:
            done(result)
        except Exception as error:
            self._failed(error)

    def _cancel(self, *_: Any) -> None:
        if self._task is not None:
            self.work.cancel(self._task)

    def _tell(self) -> None:
        """Say how far its job is."""
        task = self._task
        running = task is not None and task.running
        if running and task is not None:
            self._head.show(_progress(task))
            self._head.visible = True
        elif task is not None and (task.dropped or task.job.state == "done"):
            self._head.visible = False

    def _quiet(self) -> None:
        self._head.visible = False

    # ---------------------------------------------------------------------------------------------- its errors
    def _claim(self, error: BaseException) -> bool:
        """Take an error of the session for the page's own where the page's module had a part in it."""
        if self._page is None or self.cls.__module__ not in _modules(error.__traceback__):
            return False
        self._failed(error)
        return True

    def _failed(self, error: BaseException) -> None:
        """Tell an error of a page that stands, over it."""
        log.error("a page of %s failed", self.info.id, exc_info=error)
        self._head.show(
            fill(
                '<div class="job"><span class="bad grow">{words}</span>{copy}{close}</div>',
                words=self._words(error),
                copy=self._copy(error),
                close=icon_button("close", "close this message", "close"),
            )
        )
        self._head.visible = True

    def _broken(self, error: BaseException) -> None:
        """Put an error where a page would stand."""
        log.error("a page of %s cannot be shown", self.info.id, exc_info=error)
        self._page = None
        again = {"again": lambda *_: self._begin()}
        told = empty(
            f"{plain(self.info.title)} cannot be shown",
            fill('<span class="bad">{words}</span>', words=self._words(error)),
            f"Everything else works. Tell who wrote {plain(self.info.distribution)}; the log has the details.",
            action=fill(
                "{again} {copy}", again=button("Try again", "again", kind="main"), copy=self._copy(error)
            ),
        )
        self._body[:] = [Live(told, again, self.session.guard, css="bottom.css")]

    def _words(self, error: BaseException) -> str:
        own = isinstance(error, NNLensError)
        return plain(" ".join(error_words(error)) if own else one_line(error), 300)

    def _copy(self, error: BaseException) -> Markup:
        report = f"{self.info.id} {self.info.version}: {self._words(error)}"
        return fill(
            '<button class="do" type="button" data-copy="{text}">Copy the error</button>', text=report
        )


def page_tabs(
    session: Session, lens: Lens, work: Work, catalog: Catalog, taken: Collection[str]
) -> list[Tab]:
    """Return a tab for each page of a plugin; one whose title is taken is called after its package too."""
    tabs: list[Tab] = []
    for info, cls in catalog.pages:
        title = plain(info.title)
        if title in taken or title in {tab.title for tab in tabs}:
            title = f"{plain(info.title, 12)} · {plain(info.distribution, 10)}"
        parts: list[Any] = []
        tabs.append(Tab(title, partial(_open, parts, session, lens, work, cls, info), parts))
    return tabs


def _open(parts: list[Any], *made_of: Any) -> Any:
    parts[:] = [PluginPage(*made_of)]
    return parts[0].view


def _progress(task: Task) -> Markup:
    return fill(
        '<div class="job"><div class="grow"><div class="cap">{words}</div>{bar}</div>{cancel}</div>',
        words=state_words(task),
        bar=bar(task),
        cancel=icon_button("close", "cancel", "cancel"),
    )


def own_state(page: Page) -> Mapping[str, Any]:
    """Return the parameters that are a page's state: its own, but for those that it hides or holds constant."""
    return {
        key: each
        for key, each in page.param.objects("existing").items()
        if key != "name" and not each.constant and not each.readonly and (each.precedence or 0) >= 0
    }


def changed_state(page: Page) -> dict[str, Any]:
    """Return the parameters that differ from their defaults, as JSON has them; not what JSON has not."""
    changed = {key: _written(each, getattr(page, key)) for key, each in own_state(page).items()}
    defaults = {key: _written(type(page).param[key], type(page).param[key].default) for key in changed}
    return {key: value for key, value in changed.items() if value != defaults[key]}


def _written(parameter: Any, value: Any) -> Any:
    """Return a value as JSON has it; None for an array or a frame, which is no state for an address."""
    try:
        written = parameter.serialize(value)
        json.dumps(written)
    except Exception:  # a stranger's parameter may serialize in any way
        return None
    return written


def _modules(trace: TracebackType | None) -> set[str]:
    """Name the modules that an error came through."""
    found = set()
    while trace is not None:
        found.add(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    return found
