"""The tab of the confusion matrix: its sides, the pairs that meet most often, and a cell with all its pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.state import Mask
from nnlens.ui.core.choices import choose, follow, read_list
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.session import Session
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import choice, switch
from nnlens.ui.look.parts import FILL, icon, icon_button, picture
from nnlens.ui.look.text import count, decimal, fill, joined, percent, plain
from nnlens.ui.look.theme import static
from nnlens.ui.panels.crossing import NORMS, Confusion, Side, side, sides
from nnlens.ui.panels.matrix import ConfusionMatrix, confusion

LISTED = 60
"""Pairs that are listed."""
THUMBS = 400
"""Pictures of a cell a page: all of them in most, and no page waits for ten thousand."""
NORM_WORDS = {"count": "count", "row": "row", "column": "column"}


class Confusions(Hideable):
    """Controls, matrix and list; or, in place of the matrix, one cell.

    Parameters
    ----------
    session : Session
    walk : Walk
    """

    def __init__(self, session: Session, walk: Walk) -> None:
        self.session = session
        self.matrix = ConfusionMatrix(session, self._show_cell)
        self.cell = CellView(session, walk, self._back)
        self._columns = sides(session)
        self._pairs: list[tuple[int, int, int]] = []
        actions = {"rows": self._turn("row"), "columns": self._turn("column"), "norm": self._norm}
        guard = session.guard
        shape: dict[str, Any] = {"css": ["menus.css", "crossing.css"], **FILL}
        self._controls = Live(actions=actions, guard=guard, **shape)
        self._list = Live(actions={"pair": self._pair}, guard=guard, **shape)
        middle = pn.Column(self.matrix.panel(), self.cell.view, **FILL)
        self.view = pn.Column(self._controls, middle, self._list, **FILL, stylesheets=[static("crossed.css")])
        session.param.watch(guard(lambda _: self._widen()), "columns")
        session.state.param.watch(guard(lambda _: self._paint_list()), "selection")
        self.paint()
        follow(session, "shade", lambda norm: self._norm(norm or "count", None))
        follow(session, "sides", self._sides)

    @property
    def shown(self) -> Confusion:
        """The two columns that are crossed."""
        return self.matrix.confusion

    def paint(self) -> None:
        """Draw controls and list."""
        shown = self.shown
        options = [(plain(name.replace("_", " "), 24), name) for name in self._columns]
        norms = [(NORM_WORDS[norm], norm) for norm in NORMS]
        self._controls.show(
            fill(
                '<div class="h3"><span>Sides</span></div>{rows}{columns}<div class="h3 next"><span>Shade</span>'
                '</div>{norms}<div class="cap next">{words}</div>',
                rows=choice("Rows", "rows", options, shown.row.column),
                columns=choice("Columns", "columns", options, shown.column.column),
                norms=switch("what the shade shows", "norm", norms, self.matrix.norm),
                words="A click selects a cell, with shift it adds one; a double click shows all its pictures.",
            )
        )
        self._pairs = shown.pairs(LISTED)
        self._paint_list()

    def _paint_list(self) -> None:
        if self.put_off(self._paint_list):
            return
        shown = self.shown
        title = "Top confusions" if shown.judged else "Largest cells"
        origin = dict(self.session.state.selection.origin)
        totals = _sizes(shown.row)
        rows = joined(self._row(i, origin, totals) for i in range(len(self._pairs)))
        nothing = fill('<div class="sec">No prediction differs from its label.</div>')
        self._list.show(
            fill(
                '<div class="fill"><div class="h3"><span>{title}</span><span class="cap">{side}</span></div>'
                '<div class="scroll" data-scroll data-walk>{rows}</div></div>',
                title=title,
                side=f"count · of the {'label' if shown.row.column == 'label' else 'row'}",
                rows=rows or nothing,
            )
        )

    def _row(self, i: int, origin: dict[str, Any], totals: dict[int, int]) -> Markup:
        data, shown = self.session.data, self.shown
        row, column, number = self._pairs[i]
        return fill(
            '<button class="pair {on}" type="button" data-act="pair" data-value="{i}" data-key="pair{i}" '
            'title="{a} {sign} {b}: double click shows all pictures"><span class="cut"><bdi>{a}</bdi></span>'
            '<span class="cap">{sign}</span><span class="cut"><bdi>{b}</bdi></span><span class="num">{n}</span>'
            '<span class="num cap">{share}</span></button>',
            on="on" if origin == shown.origin([row], [column]) else "",
            i=i,
            sign=shown.sign,
            a=plain(shown.row.title(data, row), 48),
            b=plain(shown.column.title(data, column), 48),
            n=count(number),
            share=percent(number / max(totals.get(row, 0), 1), 1),
        )

    def _turn(self, which: str) -> Any:
        def turned(value: str, _: Any) -> None:
            now = {"row": self.shown.row.column, "column": self.shown.column.column}
            other = "column" if which == "row" else "row"
            if value not in self._columns or value == now[which]:
                return
            if value == now[other]:  # a column against itself tells nothing: the two change places
                now[other] = now[which]
            now[which] = value
            self._cross(now["row"], now["column"])

        return turned

    def _cross(self, row: str, column: str) -> None:
        data = self.session.data
        made = confusion(data)
        if (row, column) != (made.row.column, made.column.column):
            made = Confusion.of(data, side(self.session, row), side(self.session, column))
        self._back()
        self.matrix.show(made, self.matrix.norm)
        self.paint()
        choose(self.session, "sides", "" if made is confusion(data) else json.dumps([row, column]))

    def _sides(self, text: str) -> None:
        """Cross the columns that a link names, where the run has them."""
        made = confusion(self.session.data)
        wanted = read_list(text) or [made.row.column, made.column.column]
        now = [self.shown.row.column, self.shown.column.column]
        if (
            len(wanted) == 2
            and wanted[0] != wanted[1]
            and wanted != now
            and set(wanted) <= set(self._columns)
        ):
            self._cross(*wanted)

    def _norm(self, value: str, _: Any) -> None:
        if value in NORMS:
            self.matrix.show(self.shown, value)
            self.paint()
            choose(self.session, "shade", "" if value == "count" else value)

    def _widen(self) -> None:
        """Take up columns that a result brought."""
        self._columns = sides(self.session)
        sides_now = (self.shown.row, self.shown.column)
        if any(
            each.column in self.session.data.extras for each in sides_now
        ):  # it may have been computed again
            self._cross(*(each.column for each in sides_now))
        self.paint()
        self._sides(self.session.state.choices.get("sides", ""))

    def _pair(self, value: str, keys: Any) -> None:
        row, column, _ = self._pairs[int(value)]
        mask, origin = self.shown.mask([row], [column]), self.shown.origin([row], [column])
        self.session.state.select(mask, origin, "add" if keys.get("shift") or keys.get("ctrl") else "replace")
        if keys.get("double"):
            names = (
                self.shown.row.title(self.session.data, row),
                self.shown.column.title(self.session.data, column),
            )
            self._show_cell(mask, f" {self.shown.sign} ".join(plain(name, 24) for name in names))

    def open_cell(self, mask: Mask, title: str) -> None:
        """Show the pictures of a cell of labels and predictions."""
        made = confusion(self.session.data)
        if self.shown is not made:
            self._cross(made.row.column, made.column.column)
        self._show_cell(mask, title)

    def _show_cell(self, mask: Mask, title: str) -> None:
        self.cell.show(mask, title)
        self._change_places(cell=True)

    def _back(self) -> None:
        self._change_places(cell=False)

    def _change_places(self, cell: bool) -> None:
        with pn.io.hold():
            self.cell.view.visible = cell
            self.matrix.panel().visible = not cell


class CellView:
    """All pictures of one cell, the largest loss first."""

    def __init__(self, session: Session, walk: Walk, back: Any) -> None:
        self.session, self.walk = session, walk
        self._positions: NDArray[np.intp] = np.zeros(0, np.intp)
        self._title, self._page = "", 0
        actions = {
            "back": lambda *_: back(),
            "turn": lambda by, _: self._turn(int(by)),
            "focus": lambda sample, _: setattr(session.state, "focus", int(sample)),
        }
        self.view = Live(
            actions=actions,
            guard=session.guard,
            css=["bottom.css", "crossing.css"],
            sizing_mode="stretch_both",
            visible=False,
        )
        session.hub.register("cell", lambda _: self._paint(), "focus")

    def show(self, mask: Mask, title: str) -> None:
        """Show these samples."""
        self._positions, self._title, self._page = self.walk.worst(mask), title, 0
        self.view.visible = True
        self._paint()

    def _turn(self, by: int) -> None:
        self._page = min(max(self._page + by, 0), max((len(self._positions) - 1) // THUMBS, 0))
        self._paint()

    def _paint(self) -> None:
        if not self.view.visible:
            return
        first, total = self._page * THUMBS, len(self._positions)
        samples = self.session.data.ids[self._positions[first : first + THUMBS]].tolist()
        last = first + len(samples)
        self.view.show(
            fill(
                '<div class="fill"><div class="h3"><span class="crumb">{back}<span class="cut">{title}</span></span>'
                '<span class="cap turn">{words}{before}{after}</span></div>'
                '<div class="scroll" data-scroll><div class="thumbs" data-walk>{thumbs}</div></div></div>',
                back=_back_button(),
                title=self._title,
                words=f"{count(first + 1 if samples else 0)}–{count(last)} of {count(total)}, worst first",
                before=icon_button("chevron_left", "page before", "turn", -1, off=first == 0, key="back"),
                after=icon_button("chevron_right", "next page", "turn", 1, off=last >= total, key="next"),
                thumbs=joined(self._thumbs(samples)),
            )
        )

    def _thumbs(self, samples: Sequence[int]) -> list[Markup]:
        data, focus = self.session.data, self.session.state.focus
        return [
            fill(
                '<button class="thumb {on}" type="button" data-act="focus" data-value="{id}" data-key="thumb{id}">'
                "{image}</button>",
                on="on" if sample == focus else "",
                id=sample,
                image=picture(self.session, sample, url, title=f"sample {sample:,} · loss {decimal(loss)}"),
            )
            for sample, url, loss in zip(
                samples, self.session.image_urls(samples), data.loss[data.positions(samples)], strict=True
            )
        ]


def _back_button() -> Markup:
    return fill(
        '<button class="link crumb" type="button" data-act="back" data-key="crumb">{icon} All cells</button>',
        icon=icon("arrow_back"),
    )


def _sizes(row: Side) -> dict[int, int]:
    found, counts = np.unique(row.codes, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
