"""From a model and its samples to the explorer, on one page: what is true so far, then the whole, without a reload."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from nnlens.jobs import Job
from nnlens.lens import Lens
from nnlens.store import Store
from nnlens.ui.channels.dialog import Outside
from nnlens.ui.core.images import SOURCES
from nnlens.ui.core.page_thread import call_on_page, call_once_it_stands
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.look.combobox import Combobox
from nnlens.ui.look.component import kinds
from nnlens.ui.look.fields import Choice, Line
from nnlens.ui.look.files import FileMenu
from nnlens.ui.look.forms import Settings
from nnlens.ui.look.live import Faced, Live
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.shell import asked_theme, put, shell
from nnlens.ui.look.text import count, decimal, error_words, fill, joined, name, percent, plain, seconds
from nnlens.ui.look.upload import FileButton
from nnlens.ui.panels.keys import Keys
from nnlens.ui.panels.tour import Tour
from nnlens.ui.query.drop import ImageDrop
from nnlens.ui.serving.capture_watch import CaptureWatch, Found, Mistake
from nnlens.ui.serving.run_show import RunShow, warm
from nnlens.ui.serving.runs import Runs

log = logging.getLogger(__name__)

COMPONENTS = (
    *(Choice, Combobox, Faced, FileButton, FileMenu, ImageDrop),
    *(Keys, Line, Live, Outside, Settings, TakeOut, Tour),
)
"""Our own components: a page that stands can be given only those that were there when it was loaded."""


class CaptureShow:
    """Shows a capture while it runs, and its run from then on.

    Parameters
    ----------
    job : Job
        The capture.
    watch : CaptureWatch
        What it has found so far.
    open_lens : callable
        Opens the run once it is complete.
    title : str
        What the page calls it: the model and its samples.
    """

    def __init__(self, job: Job, watch: CaptureWatch, open_lens: Callable[[], Lens], title: str) -> None:
        self.title = title
        self.job, self.watch = job, watch
        self.show: RunShow | None = None
        self.error: BaseException | None = None
        self._open_lens = open_lens
        self._ready = threading.Event()
        self._listeners: list[Callable[[], Any]] = []
        threading.Thread(target=self._prepare, name="explorer", daemon=True).start()

    def page(self) -> pmui.Page:
        """Build a visitor's page."""
        if self.show is not None:
            return self.show.page()
        page = shell()
        Opening(self, page)
        return page

    def warm(self) -> None:
        """Nothing: the first page is to stand at once, the rest is prepared while the capture runs."""

    def shown(self) -> Hashable | None:
        """Tell what a page made now would show: nothing that lasts, before the run is there."""
        return None if self.show is None else self.show.shown()

    def listen(self, listener: Callable[[], Any]) -> Callable[[], None]:
        """Have a function called after each change; returns what ends it."""
        forget = self.watch.listen(listener)
        self._listeners.append(listener)

        def ended() -> None:
            forget()
            if listener in self._listeners:
                self._listeners.remove(listener)

        return ended

    def _prepare(self) -> None:
        """Wait for the capture, then open its run; all of it is ready before any page is told."""
        self.watch.ended.wait()
        try:
            if self.watch.error is not None:
                raise self.watch.error
            lens = self._open_lens()
            warm(lens)
            runs = Runs({}, lambda _: self._open_lens())
            runs.add(lens.store.name, lens)
            self.show = RunShow(runs, improve=True)
        except Exception as error:  # shown on every page, in words
            self.error = error
        self._ready.set()
        for listener in list(self._listeners):
            listener()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the explorer, or an error, is there."""
        return self._ready.wait(timeout)


class Opening:
    """The page of one visitor while the capture runs.

    Parameters
    ----------
    show : CaptureShow
    page : Page
    """

    def __init__(self, show: CaptureShow, page: pmui.Page) -> None:
        self.show, self.page = show, page
        self.document = pn.state.curdoc
        self._stale = threading.Event()
        self._switched = self._reloads = False
        self._error: Exception | None = None
        self.view = Live(css=["tiles.css", "opening.css"], sizing_mode="stretch_both")
        title = Live(
            fill('<div class="facts"><span class="run cut">{t}</span></div>', t=name(show.title)),
            css="header.css",
            height=48,
        )
        self._keys = Keys({"ready": self._stands, "ready dark": self._dark}, self._on_page)
        self._kinds = kinds()
        put(page, [title, self._keys], self.view)
        self._paint()
        forget = show.listen(self._changed)
        if self.document is not None and self.document.session_context is not None:
            pn.state.on_session_destroyed(lambda _: forget())
        if show.wait(0):  # meanwhile: nothing would be told any more
            self._changed()

    def _on_page(self, action: Callable[[], Any]) -> Callable[[], Any]:
        """Have an action done on the page's own thread: it may be told on one of a pool."""
        document = self.document
        return action if document is None else lambda: call_on_page(document, action)

    def _stands(self) -> None:
        """Say once more what may have been said before anybody listened."""
        if self._reloads:
            self._keys.reload()

    def _dark(self) -> None:
        """Follow the system's preference where the address does not ask for a theme."""
        if not asked_theme():
            self.page.dark_theme = True
        self._stands()

    def _changed(self) -> None:
        """Draw again on the page's own thread, once however often it is asked."""
        if self.document is None or self._stale.is_set():
            return
        self._stale.set()
        call_once_it_stands(self.document, self._update)

    def _update(self) -> None:
        self._stale.clear()
        if self._switched:
            return
        if self.show.show is None:
            self._paint()
            return
        self._switched = True
        run_show = self.show.show
        if (
            kinds() - self._kinds
        ):  # a plugin brought components, of which this page was not told when it was loaded
            self._reloads = True
            self._keys.reload()
            return
        try:
            run_show.begin(self.page)
        except Exception as error:  # nobody else would tell: the explorer that could is not there
            log.exception("the run of a capture could not be shown")
            self._error = error
            put(self.page, [self._keys], self.view)  # whatever of the explorer stands there by now
            self._paint()

    def _paint(self) -> None:
        error = self._error or self.show.error or self.show.watch.error
        self.view.show(self._failed(error) if error is not None else self._facts(self.show.watch.found))

    # ---------------------------------------------------------------------------------------------------- markup
    def _failed(self, error: BaseException) -> Markup:
        text, hint = error_words(error)
        return fill(
            '<div class="opening"><h1 class="bad">{text}</h1><p class="sec">{hint}</p>{rest}</div>',
            text=text,
            hint=hint,
            rest=self._numbers(self.show.watch.found) if self.show.watch.found.done else "",
        )

    def _facts(self, found: Found) -> Markup:
        return fill(
            '<div class="opening"><h1>{head}</h1><p class="sec">{step}</p>{bar}{numbers}{worst}</div>',
            head="Running the samples through the network"
            if not self.show.watch.ended.is_set()
            else "Opening the run",
            step=self._step(found),
            bar=self._bar(found),
            numbers=self._numbers(found),
            worst=self._worst(found),
        )

    def _step(self, found: Found) -> str:
        job = self.show.job
        left = f"{seconds(job.remaining)} left" if job.remaining else ""
        if not found.done:
            return plain(job.message) if job.message else "Opening the model and the samples."
        words = f"{found.done:,} of {found.total:,} samples are captured"
        return " · ".join(word for word in (words, left) if word)

    def _bar(self, found: Found) -> Markup:
        share = found.done / found.total if found.total else None
        return fill(
            '<div class="progress" role="progressbar" aria-label="captured" aria-valuenow="{at}"><i '
            'class="{kind}"'
            ' style="width:{at}%"></i></div>',
            at=f"{100 * share:.0f}" if share is not None else "100",
            kind="" if share is not None else "unknown",
        )

    def _numbers(self, found: Found) -> Markup:
        so_far = "" if self.show.watch.ended.is_set() else " so far"
        shown = {
            f"samples{so_far}": count(found.done) if found.done else "–",
            f"accuracy{so_far}": percent(found.accuracy),
            f"wrong{so_far}": count(found.wrong) if found.done else "–",
        }
        numbers = joined(
            fill('<div><b>{v}</b><span class="cap">{k}</span></div>', k=k, v=v) for k, v in shown.items()
        )
        return fill('<div class="numbers">{numbers}</div>', numbers=numbers)

    def _worst(self, found: Found) -> Markup:
        head = fill(
            '<div class="h3"><span>Largest losses so far</span><span class="cap">label → '
            "prediction</span></div>"
        )
        if not found.worst or found.store is None:
            bones = joined(fill('<div class="bone square"></div>') for _ in range(16))
            return fill('{head}<div class="worst" aria-hidden="true">{bones}</div>', head=head, bones=bones)
        addresses, names = _addresses(found.store, found), found.store.class_names
        tiles = joined(
            _tile(mistake, url, names) for mistake, url in zip(found.worst, addresses, strict=True)
        )
        return fill('{head}<div class="worst">{tiles}</div>', head=head, tiles=tiles)


def _addresses(store: Store, found: Found) -> list[str]:
    """Tell where the pictures of the worst samples are."""
    route = SOURCES.offer(store.name, store.fingerprint, store.images)
    ids = [mistake.sample for mistake in found.worst]
    if route is not None:
        return [f"{route}/{sample}" for sample in ids]
    return [data_url(image) for image in store.images(ids)]


def _tile(mistake: Mistake, url: str, names: tuple[str, ...]) -> Markup:
    codes = mistake.label, mistake.prediction
    label, prediction = (plain(names[code], 12) if 0 <= code < len(names) else "?" for code in codes)
    return fill(
        '<figure title="loss {loss}"><img src="{url}" alt="sample {id}"><figcaption class="cap '
        'cut">{words}</figcaption></figure>',
        loss=decimal(mistake.loss),
        url=url,
        id=mistake.sample,
        words=label if label == prediction else f"{label} → {prediction}",
    )
