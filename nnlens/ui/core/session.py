"""A session: one browser page over one run, and the guard that turns every error into something the user sees."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import numpy as np
import panel as pn
import param

from nnlens.lens.requesting import is_key
from nnlens.state import NOTHING, ExplorerState, Mask, Resolver, replay
from nnlens.ui.core.data import RunData, shared
from nnlens.ui.core.linking import Hub
from nnlens.ui.core.page_thread import call_on_page, call_once_it_stands, when_left
from nnlens.ui.core.projection import Projection
from nnlens.ui.core.regions import in_region
from nnlens.ui.core.turning import read_turn, turned
from nnlens.ui.look.palette import ClassColors
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.text import error_words

if TYPE_CHECKING:
    from nnlens.lens import Lens

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Level = Literal["info", "warning", "error"]
INLINE = 4096
"""Bytes of pixels up to which a single picture comes with the message that shows it."""
KEPT_MESSAGES = 50
SMALL = 64
"""Pixels of a side up to which a picture is drawn with its pixels as squares."""


@dataclass(frozen=True)
class Message:
    """Something the user is told: what happened, and what to do."""

    level: Level
    text: str
    hint: str = ""


class Session(param.Parameterized):
    """What the parts of one page share.

    Parameters
    ----------
    lens : Lens or None
        Store, results and jobs; None for pages over data alone.
    data : RunData, optional
        The run's arrays; taken from the store of `lens` when left out.
    dark : bool
        Whether the page starts in the dark theme.

    Attributes
    ----------
    state : ExplorerState
    closed : bool
        Whether the browser has left; callbacks do nothing from then on.
    hub : Hub
        Pushes selection, focus and hover into views.
    data : RunData
        Shared with all sessions of the run, but for the columns that results brought to this one.
    colors : ClassColors
        Which class has which color; at most ten have one at a time.
    page_ids : frozenset of str
        The pages of plugins that there are.
    claims : list of callable
        Each may take an error, to show it where it happened, and says whether it did.
    """

    theme = param.Selector(default="light", objects=["light", "dark"], doc="Which palettes views draw with.")
    messages = param.List(default=[], item_type=Message, doc="What the user was told, latest last.")
    pages = param.Dict(default={}, doc="What the pages of plugins keep in the address, by ``dist:name``.")
    columns = param.Integer(default=0, doc="Counts up when a result brings columns to the run.")

    def __init__(self, lens: Lens | None, *, data: RunData | None = None, dark: bool = False) -> None:
        super().__init__(theme="dark" if dark else "light")
        if lens is not None and data is None:
            data = shared(lens.store)
        if data is None:
            raise TypeError("a session needs a lens, or data")
        self.lens = lens
        self.data = data.for_session()
        self.document = pn.state.curdoc
        self.closed = False
        self._visited = self.served
        if self.served:
            when_left(self, lambda session: setattr(session, "closed", True))
        self._thread = threading.get_ident()
        self.state = ExplorerState(data.ids, run=data.name)
        self.hub = Hub(self.state, self.report)
        self.colors = ClassColors(data.label, len(data.class_names))
        self.page_ids: frozenset[str] = frozenset()
        self.claims: list[Callable[[BaseException], bool]] = []
        self.image_route: str | None = None
        self.theme_chosen = False  # else the system's own holds, and an address leaves it open
        self.resolvers: dict[str, Resolver] = {
            "lasso": self._in_region, "box": self._in_region,
            "range": self._in_range, "class": self._in_class, "cell": self._in_cell,
        }  # fmt: skip
        self.hub.register("colors", self.colors.follow)  # first of all, so that the views find the new colors

    @property
    def dark(self) -> bool:
        """Whether the theme is dark."""
        return bool(self.theme == "dark")

    def report(self, what: str | BaseException, level: Level = "error", hint: str = "") -> None:
        """Tell the user; of an error its own words, never its traceback, which goes to the log.

        Parameters
        ----------
        what : str or exception
            What happened.
        level : {"info", "warning", "error"}
            How bad it is.
        hint : str
            What to do about it; an error's own when left out.
        """
        if isinstance(what, BaseException):
            if any(claim(what) for claim in self.claims):
                return
            log.error("an error was shown to the user", exc_info=what)
            text, own = error_words(what)
            hint = hint or own
        else:
            text = what
        self.messages = [*self.messages[-KEPT_MESSAGES:], Message(level, text, hint)]

    def guard(self, function: Callable[P, T]) -> Callable[P, T | None]:
        """Wrap a callback so that its errors are shown, the callback stays alive, and the page's lock is held.

        In HoloViews a stream whose subscriber raises once never fires again; Panel shows nothing at all. From another
        thread, as of a server with ``--num-threads``, it is put off to the page's own: Bokeh refuses changes without
        the lock, and two callbacks of one page must not meet.
        """

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
            if self.gone:  # and what the page was made of with it
                return None
            if self.elsewhere:
                call_on_page(self.document, lambda: guarded(*args, **kwargs))
                return None
            try:
                return function(*args, **kwargs)
            except Exception as error:
                self.report(error)
                return None

        return guarded

    @property
    def served(self) -> bool:
        """Whether a server shows this page."""
        return self.document is not None and self.document.session_context is not None

    @property
    def gone(self) -> bool:
        """Whether the page is taken apart; Bokeh does so before it tells of it, and then forgets the context."""
        context = self.document.session_context if self._visited else None
        return self.closed or (self._visited and (context is None or context.destroyed))

    @property
    def elsewhere(self) -> bool:
        """Whether this thread is not the page's own."""
        return self.served and threading.get_ident() != self._thread

    def later(self, function: Callable[[], Any]) -> None:
        """Run a function with the page's lock, as soon as may be, once the page stands: for threads of jobs."""
        guarded = self.guard(function)
        if self.gone:
            return
        if self.served:
            call_once_it_stands(self.document, guarded)
        else:
            guarded()

    def soon(self, seconds: float, function: Callable[[], Any]) -> None:
        """Run a function with the page's lock after some time; not at all without a server."""
        if self.served and not self.gone:
            self.document.add_timeout_callback(self.guard(function), int(1e3 * seconds))

    def image_url(self, sample: int) -> str:
        """Tell where a sample's picture is: an address of our server, or the picture itself.

        The latter where there are no routes, and where a picture is so small that asking for it costs more. Nothing
        where the run has no pictures.
        """
        if not self.data.pictured:
            return ""
        if self.image_route is not None and self.data.once("bytes of a picture", _picture_bytes) > INLINE:
            return f"{self.image_route}/{int(sample)}"
        return data_url(self.data.images([int(sample)])[0])

    @property
    def thumbnails(self) -> bool:
        """Whether the run holds smaller pictures than its data set."""
        return self.lens is not None and bool(self.lens.store.metadata.get("thumbnails"))

    @property
    def photo(self) -> str:
        """The class of pictures that are larger than they are drawn, and so are not drawn pixel by pixel."""
        return (
            "photo" if self.thumbnails or self.data.once("side of a picture", _picture_side) > SMALL else ""
        )

    def form_url(self, sample: int, form: Literal["full", "seen"]) -> str:
        """Tell where a sample's picture is at its true pixels, or as it went into the network.

        Without an address for pictures it is the run's own, placed as the network saw it where that costs nothing.
        """
        lens, route = self.lens, self.image_route
        if not self.data.pictured or lens is None:
            return ""
        if route and self.thumbnails:
            return f"{route}/{int(sample)}/{form}"
        if self.thumbnails or form == "full":
            return self.image_url(sample)
        image = lens.pictures.seen(int(sample))
        return f"{route}/{int(sample)}/{form}" if route and image.nbytes > INLINE else data_url(image)

    def image_urls(self, samples: Sequence[int]) -> list[str]:
        """Tell where the pictures of several samples are, reading them at once where they must be."""
        if not self.data.pictured:
            return [""] * len(samples)
        if self.image_route is not None or not len(samples):
            return [f"{self.image_route}/{int(sample)}" for sample in samples]
        return [data_url(image) for image in self.data.images([int(sample) for sample in samples])]

    def replay(self, origin: Mapping[str, Any]) -> Mask | None:
        """Make a selection again from its origin; None where that cannot be done, or cannot be yet."""
        return self.guard(replay)(origin, self.resolvers)

    def resume(self) -> None:
        """Make the selection that the page's address asks for, once what it was made in is there."""
        pending = self.state.pending
        if not pending:
            return
        mask = self.replay(pending)
        if mask is not None:
            self.state.pending = NOTHING
            self.state.select(mask, pending)

    def _in_region(self, origin: Mapping[str, Any]) -> Mask | None:
        """Resolve a lasso or a box drawn in a projection."""
        found = self._projection(str(origin.get("projection", "")))
        if found is None:
            return None
        projection = turned(found, read_turn(origin.get("turn")))
        inside = in_region(projection.x, projection.y, origin)
        return self.data.mask(projection.positions[inside]) & self._among(origin.get("among"))

    def _projection(self, key: str) -> Projection | None:
        """Find a projection by the key of its result: one that was shown, else one that the run has."""
        shown = self.data.known(key)
        if shown is not None or self.lens is None or not is_key(key):
            return shown
        result = self.lens.result(key)
        return None if result is None or "projection" not in result else self.data.projection(result)

    def _among(self, among: Mapping[str, Any] | None) -> Mask:
        """Resolve which classes were shown when a region was drawn."""
        if not among:
            return np.ones(len(self.data), bool)
        return np.isin(self.data.column(str(among["variable"])), among["classes"])

    def _in_range(self, origin: Mapping[str, Any]) -> Mask:
        """Resolve a range of a variable, its ends included."""
        values = self.data.column(str(origin["variable"]))
        return (values >= float(origin["low"])) & (values <= float(origin["high"]))

    def _in_class(self, origin: Mapping[str, Any]) -> Mask:
        """Resolve a class, as the label or the prediction of samples."""
        return self.data.column(str(origin["variable"])) == int(origin["class"])

    def _in_cell(self, origin: Mapping[str, Any]) -> Mask:
        """Resolve a cell of the confusion matrix; a side that is a list takes all of its classes."""
        sides = (np.isin(self.data.column(side), origin[side]) for side in ("label", "prediction"))
        return next(sides) & next(sides)


def _picture_side(data: RunData) -> int:
    """Tell how high or wide the run's pictures are."""
    return max(data.images([int(data.ids[0])]).shape[1:3]) if data.pictured and len(data) else 0


def _picture_bytes(data: RunData) -> int:
    """Tell how large the run's pictures are: they are stored in one size."""
    return int(data.images([int(data.ids[0])]).nbytes) if len(data) else 0
