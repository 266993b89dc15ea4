"""The worst of the selection, page by page: as pictures to click, or as rows with their record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from markupsafe import Markup

from nnlens.state import Mask
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.record import confidence
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.absent import no_pictures
from nnlens.ui.look.live import Action, Live
from nnlens.ui.look.parts import button, class_mark, icon_button, picture, prediction_mark
from nnlens.ui.look.text import count, decimal, fill, joined, share
from nnlens.ui.look.tiles import tile


class Worst(Hideable, ABC):
    """A page of the selected samples, the largest loss first; what a sample looks like is told by the subclass.

    Parameters
    ----------
    session : Session
    walk : Walk
    size : int
        Samples a page.
    label : str
        For the timings of the hub.
    offer : bool
        Whether a link selects the wrong samples where nothing is selected.
    """

    sheets: Sequence[str] = ("tiles.css", "bottom.css")

    def __init__(
        self, session: Session, walk: Walk, size: int = 24, label: str = "worst", offer: bool = True
    ) -> None:
        self.session, self.walk, self.size, self.offer = session, walk, size, offer
        self.page = 0
        self._mask: Mask | None = session.state.mask
        self.view = Live(
            actions=self.actions, guard=session.guard, css=self.sheets, sizing_mode="stretch_both"
        )
        session.hub.register(label, self._selected)
        session.hub.register(label, lambda _: self.paint(), "focus")
        self.paint()

    @property
    def actions(self) -> dict[str, Action]:
        """What presses do, by name."""
        state = self.session.state
        wrong = {"kind": "filter", "text": "prediction != label"}
        return {
            "focus": lambda sample, _: setattr(state, "focus", int(sample)),
            "turn": lambda by, _: self._turn(int(by)),
            "wrong": lambda *_: state.select(self.walk.wrong, wrong),
        }

    def paint(self) -> None:
        """Draw the page that is open."""
        if self.put_off(self.paint):
            return
        total = self.total
        self.page = min(self.page, max((total - 1) // self.size, 0))  # samples may have gone
        first = self.page * self.size
        samples = self.samples(first, min(first + self.size, total))
        self.view.show(
            fill(
                '<div class="fill" data-turn><div class="h3">{head}<span class="cap turn">{more}</span></div>'
                '<div class="scroll" data-scroll>{body}</div></div>',
                head=self.head(),
                more=self._pages(first, len(samples), total) if self.pages else "",
                body=self.body(samples),
            )
        )

    @property
    def total(self) -> int:
        """How many samples there are on all pages."""
        return len(self.session.data) if self._mask is None else int(self._mask.sum())

    def samples(self, first: int, end: int) -> list[int]:
        """Return the ids of those from one place to another."""
        return [int(each) for each in self.session.data.ids[self.walk.worst(self._mask, end)[first:]]]

    def head(self) -> Markup:
        """Say what the samples are."""
        of = "all" if self._mask is None else "the selection"
        return fill("<span>{title} of {of}</span>", title=self.title, of=of)

    @property
    def pages(self) -> bool:
        """Whether there is something to turn."""
        return True

    @property
    @abstractmethod
    def title(self) -> str:
        """What the samples are."""

    @abstractmethod
    def body(self, samples: Sequence[int]) -> Markup:
        """Draw samples, given by their ids."""

    def _selected(self, mask: Mask | None) -> None:
        self._mask, self.page = mask, 0
        self.paint()

    def _turn(self, by: int) -> None:
        self.page = min(max(self.page + by, 0), max((self.total - 1) // self.size, 0))
        self.paint()

    def _pages(self, first: int, shown: int, total: int) -> Markup:
        wrong = int(self.walk.wrong.sum())
        lead = button(f"{wrong:,} wrong", "wrong", kind="link", title="select the wrong ones")
        return fill(
            '{lead}<span title="{a} to {b} of {total}">{a}–{b}</span>{back}{next}',
            lead=lead if self.offer and self._mask is None and wrong else "",
            a=count(first + 1 if shown else 0),
            b=count(first + shown),
            total=count(total),
            back=icon_button("chevron_left", "page before", "turn", -1, off=first == 0, key="back"),
            next=icon_button("chevron_right", "next page", "turn", 1, off=first + shown >= total, key="next"),
        )


class Pool(Worst):
    """Pictures to click."""

    @property
    def title(self) -> str:
        """What the samples are."""
        return "Pool"

    @property
    def pages(self) -> bool:
        """Whether there are pictures."""
        return self.session.data.pictured

    def body(self, samples: Sequence[int]) -> Markup:
        """Draw pictures with label and prediction."""
        if not self.session.data.pictured:
            return no_pictures()
        focus, urls = self.session.state.focus, self.session.image_urls(samples)
        tiles = (tile(self.session, s, url, s == focus) for s, url in zip(samples, urls, strict=True))
        return fill('<div class="tiles" data-walk>{tiles}</div>', tiles=joined(tiles))


class Ranking(Worst):
    """Rows: picture, id, label, prediction, loss, confidence."""

    HEAD = Markup(
        '<div class="rank head cap" aria-hidden="true"><span></span><span class="num">id</span><span>label</span>'
        '<span>pred</span><span class="num">loss</span><span class="num">conf.</span></div>'
    )
    SHORT_HEAD = Markup(
        '<div class="rank short head cap" aria-hidden="true"><span></span>'
        '<span class="num">id</span><span>label</span></div>'
    )

    @property
    def title(self) -> str:
        """What the samples are: a run without predictions has no worst ones."""
        return "Worst" if self.session.data.scored else "Samples"

    def body(self, samples: Sequence[int]) -> Markup:
        """Draw rows."""
        urls = self.session.image_urls(samples)
        rows = joined(self._row(sample, url) for sample, url in zip(samples, urls, strict=True))
        return fill(
            '<div class="ranks" data-walk role="group" aria-label="{words}">{h}{r}</div>',
            words=f"{self.title.lower()}{' samples' if self.session.data.scored else ''}",
            h=self.HEAD if self.session.data.scored else self.SHORT_HEAD,
            r=rows,
        )

    def _row(self, sample: int, url: str) -> Markup:
        session, data = self.session, self.session.data
        at = data.position(sample) or 0
        if not data.scored:
            return self._short_row(sample, url, at)
        chance = None if data.logit is None else confidence(data.logit[at])
        return fill(
            '<button class="rank {on}" type="button" data-act="focus" data-value="{id}" data-key="rank{id}">'
            '{image}<span class="num">{n}</span><span class="cut">{label}</span><span class="cut">{prediction}</span>'
            '<span class="num">{loss}</span><span class="num">{chance}</span></button>',
            on="on" if sample == session.state.focus else "",
            id=sample,
            image=picture(session, sample, url),
            n=count(sample),
            label=class_mark(session, int(data.label[at]), 14),
            prediction=prediction_mark(session, int(data.prediction[at]), 14),
            loss=decimal(float(data.loss[at])),
            chance="–" if chance is None else share(chance),
        )

    def _short_row(self, sample: int, url: str, at: int) -> Markup:
        """Draw a row of a run without predictions."""
        return fill(
            '<button class="rank short {on}" type="button" data-act="focus" data-value="{id}"'
            ' data-key="rank{id}">{image}<span class="num">{n}</span><span class="cut">{label}</span></button>',
            on="on" if sample == self.session.state.focus else "",
            id=sample,
            image=picture(self.session, sample, url),
            n=count(sample),
            label=class_mark(self.session, int(self.session.data.label[at]), 24),
        )
