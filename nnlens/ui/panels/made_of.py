"""Of which samples a map is made: all, so many at random, or those that were selected when this was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import param

from nnlens.state import Draw, Selection
from nnlens.ui.core.session import Session
from nnlens.ui.look.fields import Choice
from nnlens.ui.look.forms import Setting, Settings
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import WIDE, button
from nnlens.ui.look.text import count, fill, joined

ALL, RANDOM, SELECTED = "all", "random", "selected"
Samples = Draw | Selection | None
DOC = "The samples that the projection is computed of. The others are left out of this map."


class MadeOf:
    """The choice of the samples of one map.

    Parameters
    ----------
    session : Session
    chosen : callable
        Gets a `Draw`, a `Selection`, or None for all samples.

    Attributes
    ----------
    value : Draw, Selection or None
        What is shown.
    """

    def __init__(self, session: Session, chosen: Callable[[Samples], Any]) -> None:
        self.session, self._chosen = session, chosen
        self.value: Samples = None
        self._nothing, self._times = False, 0
        options = [(f"all {count(len(session.data))}", ALL), ("random", RANDOM), ("the selection", SELECTED)]
        self._kind = Choice("Samples", options, ALL, self._picked, DOC, guard=session.guard)
        self._draw = Draw(min(1000, len(session.data)))
        self._numbers = Settings(session.guard(self._redraw), visible=False)
        self._note = Live(
            actions={"take": lambda *_: self._take()}, guard=session.guard, css="controls.css", visible=False
        )
        session.hub.register("samples of the map", lambda _: self._tell())
        self.view = pn.Column(self._kind, self._numbers, self._note, **WIDE)

    def show(self, value: Samples) -> None:
        """Show of which samples the map is made."""
        self.value, self._nothing = value, False
        kind = RANDOM if isinstance(value, Draw) else SELECTED if isinstance(value, Selection) else ALL
        if self._kind.value != kind:
            self._kind.value = kind
        if isinstance(value, Draw):
            self._draw = value
            self._paint_draw()
        self._numbers.visible = kind == RANDOM
        self._tell()

    def _paint_draw(self) -> None:
        """Show how many are drawn, and by which seed."""
        number, seed = self._settings()
        rows = number.row(self._draw.number, self._times), seed.row(self._draw.seed, self._times)
        self._numbers.show(joined(rows))

    def _settings(self) -> tuple[Setting, Setting]:
        """Make the controls of a draw."""
        number = param.Integer(
            self._draw.number,
            bounds=(1, max(len(self.session.data), self._draw.number)),
            label="How many",
            doc="Samples drawn.",
        )
        seed = param.Integer(
            self._draw.seed, bounds=(0, None), label="Seed", doc="The same seed draws the same samples."
        )
        return Setting(number, name="number"), Setting(seed, name="seed")

    def _redraw(self, name: str, text: str) -> None:
        """Draw as many, or by such a seed, as was entered."""
        number, seed = self._settings()
        now = {"number": self._draw.number, "seed": self._draw.seed}
        for setting in (number, seed):
            if setting.name == name:
                now[name] = setting.read(text, now[name])
        self._times += 1
        changed, self._draw = Draw(**now) != self._draw, Draw(**now)
        self._paint_draw()
        if changed:
            self._chosen(self._draw)

    def _picked(self, kind: str) -> None:
        if kind == SELECTED:
            self._take()
        else:
            self._chosen(self._draw if kind == RANDOM else None)

    def _take(self) -> None:
        """Take what is selected now; where nothing is, say so, and stay."""
        selection = self.session.state.selection
        if len(selection):
            self._chosen(selection)
            return
        self.show(self.value)
        self._nothing = True
        self._tell()

    def _tell(self) -> None:
        """Say how many were taken, and offer those that are selected now."""
        selection = self.session.state.selection
        self._nothing = self._nothing and not len(selection)
        line = fill("")
        if self._nothing:
            line = fill('<div class="cap made">Nothing is selected yet: drag a lasso first.</div>')
        elif isinstance(self.value, Selection):
            other = len(selection) and selection != self.value
            take = (
                button(f"take the {count(len(selection))} of now", "take", kind="link") if other else fill("")
            )
            line = fill(
                '<div class="cap made">{n} selected {take}</div>', n=count(len(self.value)), take=take
            )
        self._note.show(line)
        self._note.visible = bool(line)
