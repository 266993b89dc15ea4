"""Help: the tour, the keys, and what this is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.overlay import Overlay
from nnlens.ui.look.parts import button
from nnlens.ui.look.text import fill, joined
from nnlens.ui.panels import about
from nnlens.ui.panels.keys import HELP, POINTER
from nnlens.ui.panels.tour import Tour

if TYPE_CHECKING:
    from nnlens.lens import Lens


TITLE = "Keys and about"


class Help:
    """A text with the keys of the page, and with model, data, versions and license; begins the tour."""

    def __init__(self, session: Session, lens: Lens, catalog: Catalog, tour: Tour, overlay: Overlay) -> None:
        self.session, self.lens, self.catalog = session, lens, catalog
        self.tour, self.overlay = tour, overlay

    def open(self) -> None:
        """Show it, or hide it where it is shown."""
        if self.overlay.shows(TITLE):
            self.overlay.close()
        else:
            self.overlay.open(TITLE, self._text)

    def _text(self) -> Live:
        actions = {"tour": lambda *_: self._begin()}
        told = about.facts(self.session, self.lens, self.catalog)
        return Live(_page(told), actions, self.session.guard, css="help.css")

    def _begin(self) -> None:
        self.overlay.close()
        self.tour.begin()


def _page(told: about.Facts) -> Markup:
    return fill(
        '<div class="help"><section aria-label="keys">{tour}<h3 class="b">Keys</h3>{keys}<h3 class="b">Pointer</h3>'
        '{pointer}</section><section class="about" aria-label="about"><button class="do copy" type="button" '
        'data-copy="{text}">Copy as text</button>{about}</section></div>',
        tour=button("Take the tour", "tour", kind="main", title="five steps over the page"),
        keys=_rows(HELP),
        pointer=_rows(POINTER),
        text=about.text(told),
        about=about.markup(told),
    )


def _rows(rows: tuple[tuple[str, str], ...]) -> Markup:
    lines = joined(
        fill("<dt><kbd>{key}</kbd></dt><dd>{words}</dd>", key=key, words=words) for key, words in rows
    )
    return fill('<dl class="keys">{lines}</dl>', lines=lines)
