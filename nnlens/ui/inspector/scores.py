"""What the network made of a sample: bars of the ten most probable classes, or a table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.ui.core.record import Record
from nnlens.ui.core.session import Session
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.look.menus import line
from nnlens.ui.look.parts import button, class_name, swatch
from nnlens.ui.look.text import count, fill, joined, plain, share

ROWS = 100
"""Rows that the table shows at once: a page with a thousand of them is slow to draw."""


class Scores:
    """The classes of the sample that is looked at; a press on one explains it.

    Parameters
    ----------
    session : Session
    looking : Looking
    changed : callable
        Called when they are to be drawn again.
    """

    def __init__(self, session: Session, looking: Looking, changed: Callable[[], Any]) -> None:
        self.session, self.looking, self._changed = session, looking, changed
        self.whole = False
        self._search = ""

    @property
    def actions(self) -> dict[str, Any]:
        """What presses do, by name."""
        return {
            "explain": lambda code, _: self.looking.choose_target(
                "" if code == self.looking.target else code
            ),
            "whole": lambda *_: self._turn(),
            "search": lambda text, _: self._find(text),
        }

    def _turn(self) -> None:
        self.whole, self._search = not self.whole, ""
        self._changed()

    def _find(self, text: str) -> None:
        self._search = text.strip()
        self._changed()

    def markup(self, found: Record) -> Markup:
        """Draw bars or table."""
        if found.probability is None:
            body = fill(
                '<div class="cap">The logits of this sample are not finite, so there are no '
                "probabilities.</div>"
            )
        else:
            body = (
                self._table(found, found.probability) if self.whole else self._bars(found, found.probability)
            )
        return fill(
            '<div class="part"><div class="h3"><span>Prediction</span><span class="cap">softmax{top} · {turn}</span>'
            "</div>{body}</div>",
            top=self._top(found),
            turn=button("ten bars" if self.whole else "all scores", "whole", kind="link"),
            body=body,
        )

    def _top(self, found: Record) -> str:
        total = 0 if found.probability is None else len(found.probability)
        return f", 10 of {total:,}" if total > 10 and not self.whole else ""

    # ---------------------------------------------------------------------------------------------------- bars
    def _bars(self, found: Record, chances: NDArray[np.float64]) -> Markup:
        return fill(
            "<div data-walk>{bars}</div>",
            bars=joined(
                self._bar(code, float(chances[code]), code == found.label, place == 0)
                for place, code in enumerate(found.best)
            ),
        )

    def _bar(self, code: int, value: float, label: bool, top: bool) -> Markup:
        return fill(
            '<button type="button" class="bar {top} {on}" {press}><span class="of">{sw}<span class="cut">{name}</span>'
            '{tag}</span><span class="track"><i style="width:{width}%"></i></span>'
            '<span class="num">{value}</span></button>',
            top="top" if top else "",
            on=self._on(code),
            press=self._press(code),
            sw=swatch(self.session, code),
            name=class_name(self.session, code),
            tag=fill('<span class="tag">label</span>') if label else "",
            width=f"{np.clip(100 * value, 0.4, 100):.1f}",
            value=share(value),
        )

    def _on(self, code: int) -> str:
        return "on" if str(code) == self.looking.target else ""

    def _press(self, code: int) -> Markup:
        return fill(
            'data-act="explain" data-value="{code}" data-key="explain {code}" aria-pressed="{on}" title="{words}"',
            code=code,
            on="true" if self._on(code) else "false",
            words=f"{plain(self.session.data.class_name(code))}: show the map of this class",
        )

    # ---------------------------------------------------------------------------------------------------- table
    def _table(self, found: Record, chances: NDArray[np.float64]) -> Markup:
        codes = self._sought(np.argsort(-chances, kind="stable"))
        logits = self.session.data.logit
        scores = chances if logits is None else logits[found.position]
        rows = joined(
            self._row(int(code), float(scores[code]), float(chances[code]), code == found.label)
            for code in codes[:ROWS]
        )
        return fill(
            '{search}<div class="scores head"><span>class</span><span></span><span class="num">score</span>'
            '<span class="num">probability</span></div>'
            '<div class="classes" data-walk data-scroll>{rows}</div><div class="cap">{rest}</div>',
            search=self._field() if len(chances) > 10 else "",
            rows=rows,
            rest=self._rest(len(codes)),
        )

    def _sought(self, codes: NDArray[np.intp]) -> NDArray[np.intp]:
        """Keep the classes whose names hold what is searched for."""
        wanted, names = self._search.casefold(), self.session.data.class_name
        return np.array([code for code in codes if wanted in names(int(code)).casefold()], np.intp)

    def _field(self) -> Markup:
        field = line("search", "find a class by its name", self._search, "Find a class")
        return fill('<div class="find">{field}</div>', field=field)

    def _rest(self, total: int) -> str:
        if not total:
            return "No class is called so."
        return f"{count(total - ROWS)} more: find them by name." if total > ROWS else ""

    def _row(self, code: int, score: float, value: float, label: bool) -> Markup:
        return fill(
            '<button type="button" class="scores {on}" {press}><span class="cut">{sw} {name}</span><span>{tag}</span>'
            '<span class="num">{score}</span><span class="num">{value}</span></button>',
            on=self._on(code),
            press=self._press(code),
            sw=swatch(self.session, code),
            name=class_name(self.session, code),
            tag=fill('<span class="tag">label</span>') if label else "",
            score=f"{score:.3f}".replace("-", "−"),
            value=share(value),
        )
