"""The tab that answers "What do these share?" for the selection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.state import Mask
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.choices import choose, follow
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.session import Session
from nnlens.ui.core.taking import cornered
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, button, empty
from nnlens.ui.look.text import count, error_words, fill, joined, plain, seconds
from nnlens.ui.sharing import drawing, frame
from nnlens.ui.sharing.taking import sharing_out
from nnlens.ui.sharing.traits import Against, Trait, extreme, take_column, traits_of

TITLE = "In common"


class InCommon(Hideable):
    """What the selected samples share, computed when it is asked for.

    Parameters
    ----------
    session : Session
    work : Work
    tool : Tool
        What sets samples against the rest.
    """

    def __init__(self, session: Session, work: Work, tool: Tool) -> None:
        self.session, self.work, self.tool = session, work, tool
        self.result: xr.Dataset | None = None
        self.against: Against = "matched"
        self.of: Mask | None = None
        self._task: Task | None = None
        self._error: BaseException | None = None
        actions: dict[str, Callable[[str, Any], Any]] = {
            "ask": lambda *_: self.ask(),
            "cancel": lambda *_: self._cancel(),
            "against": lambda kind, _: self._rank(kind),
            "color": lambda place, _: self.color(int(place)),
            "select": lambda place, _: self.select(int(place)),
            "class": lambda value, _: setattr(session.state, "color_by", value.partition(" ")[0]),
        }
        self.head = Live(actions=actions, guard=session.guard, css=["bottom.css", "sharing.css"], height=36)
        self.body = Live(
            actions=actions,
            guard=session.guard,
            css=["bottom.css", "sharing.css"],
            sizing_mode="stretch_both",
        )
        self.view = cornered(pn.Column(self.head, self.body, **FILL), sharing_out(self))
        session.hub.register("in common", lambda _: self._selected())
        session.param.watch(session.guard(lambda _: self._paint_body()), "theme")
        session.state.param.watch(session.guard(lambda _: self._paint_body()), "color_by")
        work.param.watch(session.guard(lambda _: self._progress()), "changes")
        self.paint()
        follow(session, "compared", lambda text: self.ask() if text and self.of is None else None)

    def ask(self) -> None:
        """Compare what is selected now; a comparison that was made before is shown at once."""
        mask = self.session.state.mask
        if self._task is not None:
            self.work.drop(self._task)
        self.of, self._error, self.result, self._task = mask, None, None, None
        if mask is None or mask.all():
            self.of = None
            self.paint()
            return
        choose(self.session, "compared", "yes")
        title = title_of(int(mask.sum()))
        try:
            self._task = self.work.submit(
                self.tool.id,
                title,
                lambda result: self._arrived(mask, result),
                {"sample": self.session.state.selection.samples},
                failed=self._failed,
                left=lambda: self._failed(None),
            )
        except NNLensError as error:
            self._failed(error)
        self.paint()

    def color(self, place: int) -> None:
        """Color the maps by a trait; the table can sort and the filter choose by it as well."""
        trait = self._trait(place)
        if trait is not None and self.result is not None:
            self.session.state.color_by = take_column(self.session, self.result, trait)

    def select(self, place: int) -> None:
        """Select as many samples as were compared, those that go farthest to their side."""
        trait = self._trait(place)
        if trait is None or self.result is None or self.of is None:
            return
        name = take_column(self.session, self.result, trait)
        values = np.asarray(self.session.data.column(name), float)
        if name == trait.kind:  # a class is chosen whole
            origin: dict[str, Any] = {"kind": "class", "variable": name, "class": trait.index}
            self.session.state.select(values == trait.index, origin)
            return
        low, high = extreme(values, trait, int(self.of.sum()))
        # the column is this page's own, so that no link could make the selection again: its ids are kept
        self.session.state.select((values >= low) & (values <= high), {"kind": "ids"})

    def _trait(self, place: int) -> Trait | None:
        found = [] if self.result is None else traits_of(self.result, self.against)
        return next((trait for trait in found if trait.place == place), None)

    @property
    def _running(self) -> bool:
        return self._task is not None and self._task.running

    def _arrived(self, mask: Mask, result: xr.Dataset) -> None:
        if mask is self.of:
            self.result, self._error, self._task = result, None, None
            self.against = "matched" if result.attrs.get("matched", True) else "any"
            self.paint()

    def _failed(self, error: BaseException | None) -> None:
        self._error, self._task = error, None
        if error is None:
            self.of = None
        self.paint()

    def _cancel(self) -> None:
        if self._task is not None:
            self.work.cancel(self._task)

    def _rank(self, kind: str) -> None:
        self.against = "any" if kind == "any" else "matched"
        self.paint()

    def _selected(self) -> None:
        """Keep what is shown though something else is selected, and offer to compare that."""
        self.paint_head()
        choose(self.session, "compared", "yes" if self.of is not None and not self.stale else "")
        if self.result is None and not self._running:
            self._paint_body()

    def _progress(self) -> None:
        if self._running:
            self._paint_body()

    # ---------------------------------------------------------------------------------------------------- drawing
    @property
    def stale(self) -> bool:
        """Whether something else is selected than what is shown."""
        mask = self.session.state.mask
        return self.of is not None and mask is not None and not np.array_equal(mask, self.of)

    def paint(self) -> None:
        """Draw all of it."""
        self.paint_head()
        self._paint_body()

    def paint_head(self) -> None:
        """Draw the line above: of what this is, and what was really used."""
        if self.put_off(self.paint_head):
            return
        number = None if self.of is None else int(self.of.sum())
        caption = plain(self.result.attrs.get("caption", ""), 200) if self.result is not None else ""
        mask = self.session.state.mask
        words = f"Compare the {count(mask.sum())} selected now" if self.stale and mask is not None else ""
        self.head.show(
            fill(
                '<div class="sharehead"><span class="b cut">{words}</span><span class="cap cut grow" title="{caption}">'
                "{caption}</span>{again}</div>",
                words=title_of(number),
                caption=caption,
                again=button(words, "ask") if words else "",
            )
        )

    def _paint_body(self) -> None:
        if self.put_off(self._paint_body):
            return
        if self._task is not None and self._task.running:
            self.body.show(frame.waiting(self._task))
        elif self._error is not None:
            title, hint = error_words(self._error)
            self.body.show(empty(title, hint, action=button("Try again", "ask")))
        elif self.result is not None:
            self.body.show(self._done(self.result))
        else:
            self.body.show(self._nothing())

    def _nothing(self) -> Markup:
        mask = self.session.state.mask
        if mask is None:
            return empty(
                "Nothing is selected",
                "Drag a lasso on a map, brush the loss, click a cell of the confusion matrix, or write a filter.",
                "Then this tab says what the selected samples share and the others do not.",
            )
        if mask.all():
            return empty(
                "All samples are selected", "There are no others to compare them with. Select fewer."
            )
        return empty(
            f"{count(mask.sum())} samples are selected",
            fill("Compare them with the other {n}{time}.", n=count((~mask).sum()), time=self._time()),
            action=button("What do these share?", "ask", kind="main"),
        )

    def _time(self) -> str:
        lens = self.session.lens
        try:
            sample = self.session.state.selection.samples[:1]
            words = seconds(lens.estimate(self.tool.id, sample=sample)) if lens else ""
        except NNLensError:
            words = ""
        return f": {words}" if words else ""

    def _done(self, result: xr.Dataset) -> Markup:
        traits = traits_of(result, self.against)
        clear = sum(trait.clear for trait in traits)
        shown = drawing.rows(self.session, traits, result, str(self.session.state.color_by))
        mixes = joined(drawing.mix(self.session, result, kind) for kind in ("label", "prediction"))
        return fill(
            '<div class="sharing"><div class="side">{pictures}</div><div class="side" data-walk>{mixes}</div>'
            '<div class="side traits"><div class="traithead"><span class="cap cut">{said}</span>{kinds}</div>'
            '<div class="scroll" data-scroll data-walk>{rows}</div></div></div>',
            pictures=drawing.pictures(self.session, result),
            mixes=mixes,
            said=f"{clear} of these {len(traits)} clear of random · band: 95 % of random",
            kinds=frame.kinds(self.against, bool(result.attrs.get("matched", True))),
            rows=shown
            or fill('<div class="cap">No trait differs from random selections of this kind.</div>'),
        )


def title_of(number: int | None) -> str:
    """Ask the question of so many samples; None where it was not asked yet."""
    if number is None:
        return "What do these share?"
    return "What 1 sample has" if number == 1 else f"What {number:,} samples share"
