"""The field of the filter: a text selects samples; one that selects none says why and what would."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from markupsafe import Markup

from nnlens.completing import complete, fault
from nnlens.errors import FilterError
from nnlens.filter_hints import explain_empty
from nnlens.filtering import EXAMPLE, select_where
from nnlens.state import Mask
from nnlens.ui.core.record import texts
from nnlens.ui.core.session import Session
from nnlens.ui.look.combobox import Combobox, Offered
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import WIDE, button
from nnlens.ui.look.text import count, fill

RECENT = 6
"""Filters that an empty field offers again."""
AROUND = 24
"""Letters shown on each side of what cannot be read."""


class FilterField:
    """Selects the samples that satisfy a text, such as ``loss > 1 and label == 9``."""

    def __init__(self, session: Session) -> None:
        self.session = session
        data = session.data
        self._example = EXAMPLE if data.scored else "label == 1"
        self.names = {side: data.class_names for side in data.variables if side != "loss"}
        self._recent: list[str] = []
        self.input = Combobox(
            self.apply,
            self.offers,
            session.guard,
            label="Filter",
            placeholder="Filter, as loss > 1" if data.scored else "Filter, as label == 1",
        )
        self.message = Live(
            actions={"use": lambda text, _: self._use(text), "clear": lambda *_: self._use("")},
            guard=session.guard,
            css="controls.css",
        )
        self._applied, self._without = (
            "",
            False,
        )  # the filter that selects; whether what was written selects nothing
        session.hub.register("filter", lambda _: self._follow())
        session.resolvers["filter"] = lambda origin: self._mask(str(origin.get("text", "")))
        self.view = pn.Column(
            pn.Row(self.input, sizing_mode="stretch_width", margin=(8, 16, 0, 16), height=28),
            pn.Row(self.message, sizing_mode="stretch_width", margin=(2, 16, 12, 16)),
            **WIDE,
            # where the column is longer than the window, the field and what it says stay in sight
            styles={
                "position": "sticky",
                "bottom": "0",
                "z-index": "2",
                "background": "var(--nn-surface)",
                "box-shadow": "0 -6px 10px var(--nn-surface)",  # what goes on below it fades, and is not cut
            },
        )

    def offers(self, text: str, caret: int) -> Offered:
        """Tell how the filter may go on; the filters of before, while nothing is written."""
        found = complete(text, caret, columns(self.session), self.names)
        ways: list[dict[str, object]] = [{"insert": way.insert, "kind": way.kind} for way in found.offers]
        if not text.strip():
            ways = [{"insert": past, "kind": "recent", "whole": True} for past in self._recent] + ways
        return {"start": found.start, "end": found.end, "offers": ways}

    def _follow(self) -> None:
        """Say what made the selection: the filter of an address, or of an undone step; nothing once it is another."""
        origin = self.session.state.selection.origin
        text = str(origin.get("text", "")) if origin.get("kind") == "filter" else ""
        if text == self._applied and not self._without:
            return
        self._applied, self._without = text, False
        self.input.write(text)
        n = len(self.session.state.selection)
        self.message.show(fill('<div class="cap">{n} samples match</div>', n=count(n)) if text else fill(""))

    def apply(self, text: str) -> None:
        """Select what satisfies a text; the empty one clears the selection that a filter made."""
        self._without = True  # until it is known that it selects something
        if not text.strip():
            self._without = False
            self.message.show(fill(""))
            if self.session.state.selection.origin.get("kind") == "filter":
                self.session.state.clear()
            return
        try:
            mask = self._mask(text)
        except FilterError as error:
            hint = error.hint or f"Try {EXAMPLE}."
            place = _mark(text, fault(text, columns(self.session), self.names))
            self.message.show(_problem(error.message, hint.replace(EXAMPLE, self._example), place))
            return
        if not mask.any():
            self._say_empty(text)
            return
        self._applied, self._without = text, False
        self._recent = [text, *(past for past in self._recent if past != text)][:RECENT]
        self.message.show(fill('<div class="cap">{n} samples match</div>', n=count(mask.sum())))
        self.session.state.select(mask, {"kind": "filter", "text": text})

    def _mask(self, text: str) -> Mask:
        return select_where(text, columns(self.session), self.names)

    def _say_empty(self, text: str) -> None:
        hint = explain_empty(text, columns(self.session), self.names)
        use = button(f"Use {hint.suggestion}", "use", hint.suggestion) if hint.suggestion else Markup("")
        self.message.show(
            fill(
                '<div class="none" role="alert"><b>No sample matches.</b> {reason}<div '
                'class="row">{use}{clear}</div></div>',
                reason=hint.reason,
                use=use,
                clear=button("Clear filter", "clear"),
            )
        )

    def _use(self, text: str) -> None:
        self.input.write(text)
        self.apply(text)


def columns(session: Session) -> dict[str, np.ndarray[Any, Any]]:
    """Return what a filter may name: the run's own columns and the results with one value a sample."""
    data = session.data
    names = ("id", *data.variables, *(["correct"] if data.scored else []))
    own = {name: data.column(name) for name in names}
    own |= texts(session)
    return own | {name: values for name, values in data.extras.items() if name.isidentifier()}


def _problem(message: str, hint: str, place: Markup) -> Markup:
    return fill(
        '<div class="none" role="alert"><span class="bad">{message}</span> {hint}{place}</div>',
        message=message,
        hint=hint,
        place=place,
    )


def _mark(text: str, place: tuple[int, int] | None) -> Markup:
    """Write the filter with the place where it goes wrong underlined."""
    if place is None:
        return Markup("")
    start, end = place[0], min(place[1], place[0] + 2 * AROUND)
    return fill(
        '<div class="code fault"><bdi>{before}<mark>{there}</mark>{after}</bdi></div>',
        before=("…" if start > AROUND else "") + text[max(start - AROUND, 0) : start],
        there=text[start:end] or "\u2423",
        after=text[end : end + AROUND] + ("…" if len(text) > end + AROUND else ""),
    )
