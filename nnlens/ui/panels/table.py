"""The table of the selected samples: every column, sorted on the server, a page at a time; a click takes the focus."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from numpy.typing import NDArray

from nnlens.state import Mask
from nnlens.ui.core.record import confidences, texts
from nnlens.ui.core.samples_out import table_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.walk import Walk
from nnlens.ui.look.fields import distinct
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, WIDE
from nnlens.ui.look.text import count, fill, plain
from nnlens.ui.look.theme import static

ROW = 24
ROWS = 50
NUMBERS = {"loss": 3, "confidence": 3, "id": 0}
RIGHT = dict.fromkeys(NUMBERS, "right")


class SampleTable:
    """Samples as rows, the largest loss first.

    Parameters
    ----------
    session : Session
    walk : Walk
    """

    def __init__(self, session: Session, walk: Walk) -> None:
        self.session, self.walk = session, walk
        self._hidden, self._stale = False, False
        self._mask: Mask | None = session.state.mask
        self.head = Live(css="bottom.css", height=20)
        self.grid = self._grid()
        self.grid.on_click(session.guard(self._clicked))
        out = TakeOut(
            session, "take the table out", table_downloads(session, lambda: self.frame), margin=(0, 0, 0, 8)
        )
        self.view = pn.Column(pn.Row(self.head, out, **WIDE), self.grid, **FILL)
        session.hub.register("table", self._selected)
        session.param.watch(session.guard(lambda _: self._widen()), "columns")
        self.paint()

    @property
    def hidden(self) -> bool:
        """Whether nobody sees it, so that nothing need be sent."""
        return self._hidden

    @hidden.setter
    def hidden(self, value: bool) -> None:
        self._hidden = value
        if self._stale and not value:
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
        self._stale = self._hidden
        if self._hidden:
            return
        positions = self.walk.worst(self._mask)
        self.head.show(
            fill(
                '<div class="h3"><span>{title}</span><span class="cap">{rows} · click a title to'
                " sort, a row to inspect</span></div>",
                title="Table of the selection" if self._mask is not None else "Table of all",
                rows=self._rows(positions),
            )
        )
        self.grid.value = self.frame.take(positions)

    def _rows(self, positions: NDArray[np.intp]) -> str:
        total = count(len(positions))
        if not self.session.data.scored:
            return f"{total} samples"
        return f"{count(self.walk.wrong[positions].sum())} wrong of {total}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a sample, by position."""
        return sample_frame(self.session)

    def _grid(self) -> pn.widgets.Tabulator:
        return pn.widgets.Tabulator(
            self.frame.iloc[:0],
            pagination="remote",
            page_size=ROWS,
            show_index=False,
            disabled=True,
            selectable=False,
            layout="fit_columns",
            theme="simple",
            sizing_mode="stretch_both",
            margin=(4, 0, 0, 0),
            header_align=RIGHT,
            text_align=RIGHT | {"correct": "left"},
            formatters={name: {"type": "money", "precision": digits} for name, digits in NUMBERS.items()},
            configuration={"rowHeight": ROW},
            stylesheets=[static("table.css")],
        )

    def _clicked(self, event: Any) -> None:
        """Take the focus; rows are counted in the order that the grid sorts in."""
        self.session.state.focus = int(self.grid.current_view["id"].iloc[event.row])


def sample_frame(session: Session) -> pd.DataFrame:
    """Return a table with one row a sample, by position."""
    data = session.data
    names = list(distinct([(data.class_name(c), c) for c in range(-1, len(data.class_names))]))
    columns: dict[str, Any] = {"id": data.ids}
    for side in ("label", "prediction") if data.scored else ("label",):
        codes = np.clip(data.column(side) + 1, 0, len(names) - 1)
        columns[side] = pd.Categorical.from_codes(codes, names)
    columns |= {"loss": data.loss, "correct": data.correct} if data.scored else {}
    if data.logit is not None:
        columns["confidence"] = confidences(data.logit)
    columns |= {name: pd.Categorical(values) for name, values in texts(session).items()}
    columns |= {plain(name): values for name, values in data.extras.items()}
    return pd.DataFrame(columns)
