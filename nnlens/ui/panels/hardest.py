"""The samples in the order of a score: the loss, how little a label fits, how hard a sample is.

Scores other than the loss are results; they are found by what they hold. One that is not there yet is computed when it
is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import xarray as xr
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.errors import NNLensError
from nnlens.state import Mask
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.core.extras import take_columns
from nnlens.ui.core.ordering import Ordering
from nnlens.ui.core.samples_out import ranking_downloads
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import NARROW, headed, stem
from nnlens.ui.core.trained import RULE, trained
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.live import Live
from nnlens.ui.look.menus import switch
from nnlens.ui.look.parts import FILL, button, class_mark, empty, icon, picture
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import count, decimal, error_words, fill, joined, plain, quoted, share
from nnlens.ui.panels.pool import Ranking
from nnlens.ui.panels.table import sample_frame

FIRST = 50
"""Samples a page, and those that one click selects."""
WRONG = "wrong_label"
"""The variable that says of each sample whether its label is likely wrong."""
LOSS = "loss"
SCORED_HEAD = Markup(
    '<div class="rank head cap"><span></span><span class="num">id</span><span>label</span>'
    '<span>pred</span><span class="num">loss</span><span class="num">score</span></div>'
)


class Hardest:
    """A switch of scores, what they were computed on, and the samples in their order.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    walk : Walk
    """

    def __init__(self, session: Session, work: Work, catalog: Catalog, walk: Walk) -> None:
        self.session, self.work, self.walk = session, work, walk
        self.tools: dict[str, Tool] = catalog.sample_scores
        self.by = LOSS
        self.result: xr.Dataset | None = None
        self._task: Task | None = None
        self._error: BaseException | None = None
        self._told = trained(session)
        actions = {
            "by": lambda score, _: self.sort(score),
            "compute": lambda *_: self.sort(self.by),
            "cancel": lambda *_: self._cancel(),
            "first": lambda *_: self._select_first(),
            "wrong": lambda *_: self._select_wrong(),
        }
        shape: dict[str, Any] = {"guard": session.guard, "css": ["menus.css", "bottom.css", "hardest.css"]}
        self.head = Live(actions=actions, styles={"flex": "none"}, **shape)
        self.notice = Live(actions=actions, visible=False, **shape, **FILL)
        self.rows = Rows(session, Order(session, walk), size=FIRST, label="hardest", offer=False)
        self.view = pn.Column(headed(self.head, self._out()), self.rows.view, self.notice, **FILL)
        work.param.watch(session.guard(lambda _: self._progress()), "changes")
        self.paint()

    @property
    def hidden(self) -> bool:
        """Whether nobody sees it, so that nothing need be drawn."""
        return self.rows.hidden

    @hidden.setter
    def hidden(self, value: bool) -> None:
        self.rows.hidden = value

    def _out(self) -> TakeOut:
        """Return the button that takes the samples out in their order."""
        name = stem(self.session, "ranking", lambda: self.by)
        return TakeOut(self.session, "take the ranking out", ranking_downloads(name, self.table), **NARROW)

    @property
    def _order(self) -> NDArray[np.intp]:
        return self.rows.order.worst(self.session.state.mask)

    def table(self) -> pd.DataFrame:
        """Return the ranked samples as a table, of what is selected where something is."""
        ranked = sample_frame(self.session).iloc[self._order]
        ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
        ranked.insert(1, "sorted by", self.by)
        ranked.insert(2, "score", self.rows.order.score[self._order])
        return ranked

    def sort(self, score: str) -> None:
        """Sort by a score; one that nobody has computed yet is computed now."""
        if score != LOSS and score not in self.tools:
            return
        if self._task is not None:
            self.work.drop(self._task)
        self.by, self.result, self._task, self._error = score, None, None, None
        if score == LOSS:
            self._show(np.asarray(self.session.data.loss, np.float64))
            return
        try:
            self._get(self.tools[score])
        except NNLensError as error:
            self._failed(error)

    def _get(self, tool: Tool) -> None:
        lens = self.session.lens
        found = lens.cached(tool.id) if lens is not None else None
        if found is not None:
            self._arrived(tool, found)
            return
        settle = lambda result: self._arrived(tool, result)  # noqa: E731
        self._task = self.work.submit(tool.id, tool.title, settle, {}, failed=self._failed, left=self.paint)
        self.paint()

    def _arrived(self, tool: Tool, result: xr.Dataset) -> None:
        if self.by == LOSS or self.tools[self.by] is not tool:  # another order was asked for in the meantime
            return
        self.result, self._task = result, None
        take_columns(self.session, tool, result)
        self._show(np.asarray(self.session.data.column(self.by), np.float64))

    def _failed(self, error: BaseException) -> None:
        self._error, self._task = error, None
        self.paint()

    def _cancel(self) -> None:
        if self._task is not None:
            self.work.cancel(self._task)

    def _show(self, score: NDArray[np.float64]) -> None:
        self.rows.show(self.title, score)
        self.paint()

    def _select_first(self) -> None:
        """Select the first samples of the order, of what is selected where something is."""
        ids = self.session.data.ids[self.rows.order.worst(self.session.state.mask, FIRST)]
        self.session.state.select(ids, {"kind": "ids"})

    def _select_wrong(self) -> None:
        if WRONG in self.session.data.extras:
            origin = {"kind": "range", "variable": WRONG, "low": 1.0, "high": 1.0}
            self.session.state.select(self.session.replay(origin), origin)

    # --- drawing -------------------------------------------------------------------------------------------------
    @property
    def title(self) -> str:
        """What the score is called."""
        return self.by.replace("_", " ").capitalize()

    @property
    def _ready(self) -> bool:
        return self.by == LOSS or self.result is not None

    def _progress(self) -> None:
        if not self._ready and not self.hidden:
            self.paint()

    def paint(self) -> None:
        """Draw the head, and the rows or why there are none."""
        self.head.show(self._head())
        with pn.io.hold():
            self.rows.view.visible, self.notice.visible = self._ready, not self._ready
            if not self._ready:
                self.notice.show(self._notice())

    def _head(self) -> Markup:
        scores = [(score.replace("_", " ").capitalize(), score) for score in (LOSS, *self.tools)]
        caption = "" if self.result is None else plain(self.result.attrs.get("caption", ""), 200)
        first = button(
            f"first {FIRST}", "first", kind="link", title=f"select the first {FIRST} of this order"
        )
        return fill(
            '<div class="sorted"><span class="b" title="{caption}">Ranking</span>{switch}</div>'
            '<div class="told"><span class="why cut {level}" title="{rule}">{sign}<span class="cut">{words}</span>'
            "</span>{offers}</div>",
            caption=caption or "by loss",
            switch=switch("what the samples are sorted by", "by", scores, self.by) if self.tools else "",
            level="warn" if self._told.warns else "cap",
            rule=quoted(RULE),
            sign=icon("warning" if self._told.warns else "info"),
            words=self._told.words,
            offers=fill('<span class="cap">select</span>{a}{b}', a=first, b=self._offer_wrong())
            if self._ready
            else "",
        )

    def _offer_wrong(self) -> Markup | str:
        if self.result is None or WRONG not in self.result:
            return ""
        found = int(np.count_nonzero(self.result[WRONG].values))
        title = "select those whose label differs from what the network is sure of"
        return button(f"{count(found)} likely wrong", "wrong", kind="link", title=title) if found else ""

    def _notice(self) -> Markup:
        if self._error is not None:
            return empty(*error_words(self._error), action=button("Try again", "compute"))
        if self._task is not None and self._task.running:
            return fill(
                '<div class="empty"><div class="empty-title">{title}</div><div class="sec">{words}</div>{bar}'
                '<div class="empty-do">{cancel}</div></div>',
                title=self.title,
                words=state_words(self._task),
                bar=bar(self._task),
                cancel=button("Cancel", "cancel"),
            )
        return empty("Not computed", action=button("Compute", "compute", kind="main"))


class Order(Walk):
    """Samples by a score, the highest first; those without one are left out."""

    def __init__(self, session: Session, walk: Walk) -> None:
        super().__init__(session)
        self.by_score = walk.by_loss
        self.score: NDArray[np.float64] = np.asarray(session.data.loss, np.float64)

    def sort(self, score: NDArray[np.float64]) -> None:
        """Take another score, dims (sample,)."""
        self.score, self.by_score = score, Ordering.by(score)

    def worst(self, mask: Mask | None, limit: int | None = None) -> NDArray[np.intp]:
        """Return the chosen positions in the order of the score, all where nothing is chosen."""
        return self.by_score.first(mask, limit)


class Rows(Ranking):
    """Rows in the order of a score: picture, id, label, prediction, loss, score; by loss confidence stands for it."""

    def __init__(self, session: Session, order: Order, **options: Any) -> None:
        self.order, self._title = order, LOSS.capitalize()
        super().__init__(session, order, **options)

    @property
    def title(self) -> str:
        """What the score is called."""
        return self._title

    @property
    def total(self) -> int:
        """How many samples there are on all pages: those that have a score."""
        return self.order.by_score.count(self._mask)

    def show(self, title: str, score: NDArray[np.float64]) -> None:
        """Sort by another score."""
        self._title, self.page = title, 0
        self.HEAD = Ranking.HEAD if self._by_loss else SCORED_HEAD
        self.order.sort(score)
        self.paint()

    @property
    def _by_loss(self) -> bool:
        return self._title == LOSS.capitalize()

    def _row(self, sample: int, url: str) -> Markup:
        if self._by_loss:
            return super()._row(sample, url)
        session, data = self.session, self.session.data
        at = data.position(sample) or 0
        return fill(
            '<button class="rank {on}" type="button" data-act="focus" data-value="{id}"'
            ' data-key="rank{id}">{image}<span class="num">{n}</span>{sides}<span class="num">{loss}</span>'
            '<span class="num b">{score}</span></button>',
            on="on" if sample == session.state.focus else "",
            id=sample,
            image=picture(session, sample, url),
            n=count(sample),
            sides=joined(
                fill('<span class="cut">{side}</span>', side=class_mark(session, int(side[at]), 20))
                for side in (data.label, data.prediction)
            ),
            loss=decimal(float(data.loss[at])),
            score=share(float(self.order.score[at])),
        )
