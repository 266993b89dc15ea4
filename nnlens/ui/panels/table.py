"""The table of the selected samples: sorted on the server, a page at a time; rows take the focus, or go to the pool."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED
from nnlens.state import Mask
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.pinning import pin
from nnlens.ui.core.record import confidences, texts
from nnlens.ui.core.samples_out import table_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.fields import distinct
from nnlens.ui.look.grid import Grid
from nnlens.ui.look.live import Action, Live
from nnlens.ui.look.parts import FILL, WIDE, button, icon_button
from nnlens.ui.look.text import count, fill, plain

ROW = 24
ROWS = 50
NUMBERS = {"loss": 3, "confidence": 3, "id": 0}
RIGHT = dict.fromkeys(NUMBERS, "right")


class SampleTable(Hideable):
    """Samples as rows, the largest loss first.

    Parameters
    ----------
    session : Session
    walk : Walk
    """

    def __init__(self, session: Session, walk: Walk) -> None:
        self.session, self.walk = session, walk
        self._mask: Mask | None = session.state.mask
        self._positions: NDArray[np.intp] = np.zeros(0, np.intp)
        self.head = Live(
            actions=self._actions(), guard=session.guard, css=["bottom.css", "rows.css"], height=24
        )
        self.grid = self._grid()
        self.grid.on_click(session.guard(self._clicked))
        self.grid.param.watch(session.guard(lambda _: self._tell()), "selection")
        out = TakeOut(
            session, "take the table out", table_downloads(session, lambda: self.frame), margin=(0, 0, 0, 8)
        )
        self.view = pn.Column(pn.Row(self.head, out, **WIDE), self.grid, **FILL)
        session.hub.register("table", self._selected)
        session.param.watch(session.guard(lambda _: self._widen()), "columns")
        self.paint()

    def _selected(self, mask: Mask | None) -> None:
        self._mask = mask
        self.paint()

    def _widen(self) -> None:
        """Take up columns that a result brought."""
        self.__dict__.pop("frame", None)
        self.paint()

    def paint(self) -> None:
        """Put the rows of the selection into the grid."""
        if self.put_off(self.paint):
            return
        self._positions = self.walk.worst(self._mask)
        self.grid.put(self.frame.take(self._positions))
        self._tell()

    @property
    def chosen(self) -> list[int]:
        """The ids of the rows that are chosen."""
        ids = self.grid.value["id"].to_numpy()
        return [int(ids[row]) for row in self.grid.selection if row < len(ids)]

    def _actions(self) -> dict[str, Action]:
        session = self.session
        return {
            "pin": lambda *_: self._pin(self.chosen),
            "pin all": lambda *_: self._pin(session.data.ids[self._positions]),
            "only": lambda *_: session.state.select(self.chosen, {"kind": "ids"}),
            "none": lambda *_: setattr(self.grid, "selection", []),
            "clear": lambda *_: session.state.clear(),
        }

    def _pin(self, samples: Iterable[int]) -> None:
        """Pin rows to the pool, and say so: it stands in another tab."""
        before = len(self.session.state.pinned)
        pin(self.session, samples)
        new = len(self.session.state.pinned) - before
        self.grid.selection = []
        self._tell(f"{count(new)} pinned to the pool")

    def _tell(self, done: str = "") -> None:
        """Say which rows there are, what chose them, and what can be done with them."""
        rows = len(self.grid.selection)
        self.head.show(
            fill(
                '<div class="h3 rows"><span>{title}</span>{filter}<span class="cap cut">{what}</span>'
                '<span class="do" role="status">{do}</span></div>',
                title="Table of the selection" if self._mask is not None else "Table of all",
                filter=self._filter(),
                what=f"{self._count(self._positions)} · click a title to sort, a row to inspect, boxes to choose",
                do=self._doings(rows) if rows else self._rest(done),
            )
        )

    def _filter(self) -> Markup:
        """Repeat the filter that chose the rows, with the way back."""
        origin = self.session.state.selection.origin
        if origin.get("kind") != "filter":
            return Markup("")
        return fill(
            '<span class="filter"><code class="cut" title="{text}">{text}</code>{clear}</span>',
            text=plain(origin.get("text", ""), 60),
            clear=icon_button("close", "clear the filter (esc)", "clear"),
        )

    def _doings(self, rows: int) -> Markup:
        return fill(
            "<b>{n} {rows}</b> {pin} · {only} · {none}",
            n=count(rows),
            rows="row" if rows == 1 else "rows",
            pin=button("pin to the pool", "pin", kind="link"),
            only=button("select only these", "only", kind="link"),
            none=button("let go", "none", kind="link"),
        )

    def _rest(self, done: str) -> Markup:
        all_of = button(f"pin all {count(len(self._positions))}", "pin all", kind="link")
        return fill('<span class="cap">{done}</span> {all}', done=done, all="" if done else all_of)

    def _count(self, positions: NDArray[np.intp]) -> str:
        total = count(len(positions))
        if not self.session.data.scored:
            return f"{total} samples"
        return f"{count(self.walk.wrong[positions].sum())} wrong of {total}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a sample, by position."""
        return sample_frame(self.session)

    def _grid(self) -> Grid:
        return Grid(
            self.frame.iloc[:0],
            page_size=ROWS,
            selectable="checkbox",
            layout="fit_columns",
            margin=(4, 0, 0, 0),
            header_align=RIGHT,
            text_align=RIGHT | {"correct": "left"},
            formatters={name: {"type": "money", "precision": digits} for name, digits in NUMBERS.items()},
            configuration={"rowHeight": ROW},
        )

    def _clicked(self, event: Any) -> None:
        """Take the focus; Panel says where the row stands in what it was given, however it is sorted."""
        self.session.state.focus = int(self.grid.value["id"].iloc[event.row])


def sample_frame(session: Session) -> pd.DataFrame:
    """Return a table with one row a sample, by position."""
    data = session.data
    columns: dict[str, Any] = {"id": data.ids}
    for side in ("label", "prediction") if data.scored else ("label",):
        codes = np.maximum(data.column(side), -1)
        last = max(
            len(data.class_names), int(codes.max(initial=-1)) + 1
        )  # a label may be no class of the network
        none = "invalid" if side == "prediction" else data.class_name(UNLABELLED)
        names = distinct([(none, -1), *((data.class_name(c), c) for c in range(last))])
        columns[side] = pd.Categorical.from_codes(codes + 1, list(names))
    columns |= {"loss": data.loss, "correct": data.correct} if data.scored else {}
    if data.logit is not None:
        columns["confidence"] = confidences(data.logit)
    columns |= {name: pd.Categorical(values) for name, values in texts(session).items()}
    columns |= {plain(name): values for name, values in data.extras.items()}
    return pd.DataFrame(columns)
