"""The pool: samples as cards, those of the selection or those that were pinned, and the pinned side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core import pinning
from nnlens.ui.core.choices import choose, follow
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.live import Action
from nnlens.ui.look.menus import switch
from nnlens.ui.look.parts import button, class_mark, empty, icon, picture, pin_button, prediction_mark
from nnlens.ui.look.text import count, exact, fill, joined
from nnlens.ui.panels.comparing import compared
from nnlens.ui.panels.pool import Worst

SELECTION, PINNED, COMPARE = "selection", "pinned", "compare"
SIZES = {SELECTION: 48, PINNED: 48, COMPARE: 12}
"""Samples on a page."""


class Cards(Worst):
    """Cards of samples, page by page; a click takes the focus, ctrl-click or the pin keeps the sample in the pool.

    Parameters
    ----------
    session : Session
    walk : Walk
    """

    sheets = ("tiles.css", "bottom.css", "menus.css", "cards.css")

    def __init__(self, session: Session, walk: Walk) -> None:
        self.showing = SELECTION
        self._let_go: list[int] = []
        super().__init__(session, walk, size=SIZES[SELECTION], label="pool")
        session.hub.register("pool", lambda _: self.paint(), "pinned")
        follow(session, "pool", self._show)

    @property
    def actions(self) -> dict[str, Action]:
        """What presses do, by name."""
        session = self.session
        return super().actions | {
            "focus": self._clicked,
            "show": lambda which, _: choose(session, "pool", "" if which == SELECTION else which),
            "pin": lambda sample, _: pinning.toggle(session, int(sample)),
            "let go": lambda *_: self._unpin_all(),
            "pin again": lambda *_: pinning.pin(session, self._let_go),
            "select": lambda *_: session.state.select(session.state.pinned, {"kind": "ids"}),
        }

    @property
    def title(self) -> str:
        """What the samples are."""
        return "Pool"

    @property
    def total(self) -> int:
        """How many samples there are on all pages."""
        return super().total if self.showing == SELECTION else len(self.session.state.pinned)

    def samples(self, first: int, end: int) -> list[int]:
        """Return the ids of those from one place to another."""
        if self.showing == SELECTION:
            return super().samples(first, end)
        return list(self.session.state.pinned[first:end])

    def head(self) -> Markup:
        """Say what the samples are, and what can be done with those that are pinned."""
        of = "All" if self._mask is None else "Selection"
        pinned = len(self.session.state.pinned)
        ways = ((of, SELECTION), (f"Pinned {count(pinned)}", PINNED), ("Compare", COMPARE))
        return fill(
            '<span class="pools">{switch}{do}</span>',
            switch=switch("which samples are in the pool", "show", ways, self.showing),
            do=self._doings() if self.showing != SELECTION and pinned else "",
        )

    def body(self, samples: Sequence[int]) -> Markup:
        """Draw cards, or the pinned side by side."""
        if not samples:
            return self._empty()
        if self.showing == COMPARE:
            return compared(self.session, samples)
        urls = self.session.image_urls(samples)
        pinned = set(self.session.state.pinned)
        cards = joined(
            self._card(sample, url, sample in pinned) for sample, url in zip(samples, urls, strict=True)
        )
        return fill('<div class="cards" data-walk>{cards}</div>', cards=cards)

    def _doings(self) -> Markup:
        return fill(
            '<span class="cap">{select} · {gone}</span>',
            select=button(
                "select these", "select", kind="link", title="make the pinned samples the selection"
            ),
            gone=button("unpin all", "let go", kind="link"),
        )

    def _empty(self) -> Markup:
        return empty(
            "Nothing is pinned",
            "Pinned samples stay here whatever is selected. Press p for the one in focus, ctrl-click a card or a "
            "point of a map, or pin rows of the table.",
            action=button("Pin those of before", "pin again") if self._let_go else "",
        )

    def _card(self, sample: int, url: str, pinned: bool) -> Markup:
        return fill(
            '<div class="card {on}"><button class="what" type="button" data-act="focus" data-value="{id}" '
            'data-key="card{id}">{image}<span class="told">{facts}</span></button>{pin}</div>',
            on="on" if sample == self.session.state.focus else "",
            id=sample,
            image=picture(self.session, sample, url, classes=self.session.photo),
            facts=self._facts(sample),
            pin=pin_button(sample, pinned),
        )

    def _facts(self, sample: int) -> Markup:
        """Write index, loss, prediction and label; what is wrong has a sign and a word too."""
        data = self.session.data
        at = data.position(sample) or 0
        label, prediction = int(data.label[at]), int(data.prediction[at])
        head = fill('<b class="cut">{id}</b>', id=count(sample))
        if not data.scored:
            return head + _line("label", class_mark(self.session, label, 16))
        wrong = label not in (UNLABELLED, prediction)
        sign = fill('<span class="wrong">{icon} wrong</span>', icon=icon("close"))
        return (
            fill('<span class="line">{head}{sign}</span>', head=head, sign=sign if wrong else "")
            + _line("loss", exact(float(data.loss[at])))
            + _line("pred", prediction_mark(self.session, prediction, 16))
            + _line("label", class_mark(self.session, label, 16))
        )

    def _selected(self, mask: Mask | None) -> None:
        """Follow the selection; what is pinned stays on its page."""
        self._mask = mask
        if self.showing == SELECTION:
            self.page = 0
        self.paint()

    @property
    def chosen(self) -> list[int] | None:
        """The pinned samples where they are shown, None where the selection is."""
        return None if self.showing == SELECTION else list(self.session.state.pinned)

    def _clicked(self, sample: str, keys: Mapping[str, Any]) -> None:
        if keys.get("ctrl"):
            pinning.toggle(self.session, int(sample))
        else:
            self.session.state.focus = int(sample)

    def _unpin_all(self) -> None:
        self._let_go = list(self.session.state.pinned)
        pinning.unpin(self.session, self._let_go)

    def _show(self, which: str) -> None:
        """Show other samples; what a link asks for that is not there changes nothing."""
        self.showing = which if which in SIZES else SELECTION
        self.size, self.page, self.offer = SIZES[self.showing], 0, self.showing == SELECTION
        self.paint()


def _line(name: str, value: Any) -> Markup:
    return fill(
        '<span class="line"><span class="cap">{name}</span><span class="cut">{value}</span></span>',
        name=name,
        value=value,
    )
