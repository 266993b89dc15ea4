"""The samples closest to the one in focus, from whichever result knows them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Task, Work
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.inspector.waves import ORDER, Waves, window_of
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import button
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import decimal, fill, joined, plain, seconds
from nnlens.ui.look.tiles import tile
from nnlens.ui.maps.projecting import Projecting

SHOWN = 5


class Neighborhood:
    """Five neighbors on the layer of map A, or the offer to find them.

    Parameters
    ----------
    session : Session
    work : Work
    projecting : Projecting
    catalog : Catalog
    looking : Looking
        Whose neighbors are shown.
    """

    def __init__(
        self, session: Session, work: Work, projecting: Projecting, catalog: Catalog, looking: Looking
    ) -> None:
        self.session, self.work, self.projecting, self.catalog = session, work, projecting, catalog
        self.looking, self.waves, self.raw = looking, Waves(session), False
        self._found: dict[str, xr.Dataset | None] = {}
        self._searching = False
        actions = {
            "focus": lambda sample, _: setattr(session.state, "focus", int(sample)),
            "compute": lambda analysis, _: self._compute(analysis),
            "cancel": lambda *_: self._cancel(),
            "raw": lambda *_: self._toggle(),
        }
        self.view = Live(
            actions=actions, guard=session.guard, css=["inspector.css", "tiles.css", "explain.css"]
        )
        if catalog.neighbors:
            looking.param.watch(session.guard(lambda *_: session.later(self.paint)), "sample")
            projecting.param.watch(session.guard(lambda _: self._moved()), "changes")
            work.param.watch(session.guard(lambda _: self._progressed()), "changes")
            self.paint()

    @property
    def layer(self) -> str:
        """The layer whose neighbors are shown: that of what map A draws."""
        shown = self.projecting.places["a"].shown
        return shown.layer if shown else self.projecting.state("a").layer

    def _moved(self) -> None:
        """Look again: a map that was computed may have found neighbors on its way."""
        if self._found.get(self.layer) is None:
            self._found.pop(self.layer, None)
            self.paint()

    def _progressed(self) -> None:
        """Say how far the search is, and offer it again once it is over."""
        searching = self._running(self.catalog.neighbors[0]) is not None
        if searching or self._searching:
            # other tasks change nothing here, and an estimate takes milliseconds
            self._searching = searching
            self.paint()

    def result(self) -> xr.Dataset | None:
        """Return what knows the neighbors on this layer, if anything does."""
        layer = self.layer
        if layer not in self._found:
            self._found[layer] = self._look(layer)
        return self._found[layer]

    def _look(self, layer: str) -> xr.Dataset | None:
        lens = self.session.lens
        if lens is None or not layer:
            return None
        tools = {tool.id for tool in self.catalog.neighbors}
        kept = [
            info for info in lens.results() if info.analysis in tools and info.attrs.get("layer") == layer
        ]
        there = (lens.result(info.key) for info in reversed(kept))
        return next((found for found in there if found is not None and self._whole(found)), None)

    def _whole(self, found: xr.Dataset) -> bool:
        """Whether it is of all samples, not of those that a map was made of."""
        return found.sizes["sample"] + int(found.attrs.get("left_out", 0)) >= len(self.session.data)

    def _compute(self, analysis: str) -> None:
        layer = self.layer
        tool = self.catalog.tool(analysis)
        if tool is not None:
            arrived = lambda result: self._arrived(layer, result)  # noqa: E731
            self.work.submit(tool.id, self._title(tool, layer), arrived, {"layer": layer})
            self.paint()

    def _arrived(self, layer: str, result: xr.Dataset) -> None:
        self._found[layer] = result
        self.paint()

    # ---------------------------------------------------------------------------------------------------- drawing
    def paint(self) -> None:
        """Draw the neighbors of the sample that is looked at."""
        sample = self.looking.sample
        if sample is None:
            self.view.show(fill(""))
            return
        result = self.result()
        self.view.show(
            fill(
                '<div class="part"><div class="h3"><span class="cut">Neighbors in {layer}</span>'
                '<span class="cap cut grow num" title="{full}">{how}</span>{form}</div>{body}</div>',
                layer=self.projecting.title_of(self.layer),
                how=plain(result.attrs.get("caption", ""), 40) if result is not None else "",
                full=plain(result.attrs.get("caption", ""), 300) if result is not None else "",
                form=self._form(sample) if result is not None else "",
                body=self._offer() if result is None else self._found_near(result, sample),
            )
        )

    def _offer(self) -> Markup:
        tool = self.catalog.neighbors[0]
        task = self._running(tool)
        if task is not None:
            return fill(
                '<div class="near" role="status" aria-label="computing">{bones}</div>'
                '<div class="state cap">{bar}<span class="grow cut">{words}</span>{cancel}</div>',
                bones=_bones(),
                bar=bar(task),
                words=state_words(task),
                cancel=button("Cancel", "cancel", title="cancel the search for neighbors"),
            )
        return fill(
            '<div class="cap offer">Not computed yet{time}. {button}</div>',
            time=self._time(tool),
            button=button("Find neighbors", "compute", tool.id),
        )

    def _running(self, tool: Tool) -> Task | None:
        """Return the task that looks for neighbors on this layer."""
        title = self._title(tool, self.layer)
        return next((task for task in self.work.running if task.title == title), None)

    def _title(self, tool: Tool, layer: str) -> str:
        return f"{tool.title} of {self.projecting.title_of(layer)}"

    def _cancel(self) -> None:
        """Look for neighbors no longer; they are offered again."""
        task = self._running(self.catalog.neighbors[0])
        if task is not None:
            self.work.cancel(task)
            self.paint()

    def _time(self, tool: Tool) -> str:
        lens = self.session.lens
        try:
            words = seconds(lens.estimate(tool.id, layer=self.layer)) if lens else ""
        except NNLensError:
            words = ""
        return f": {words}" if words else ""

    def _toggle(self) -> None:
        self.raw = not self.raw
        self.paint()

    def _found_near(self, result: xr.Dataset, sample: int) -> Markup:
        row = np.flatnonzero(result["sample"].values == sample)
        if not len(row):
            return fill('<div class="cap">This sample was left out of the result.</div>')
        at = int(row[0])
        near = [int(each) for each in result["neighbor"].values[at][:SHOWN]]
        away: Any = result["distance"].values[at] if "distance" in result else None
        known = [(i, each) for i, each in enumerate(near) if self.session.data.position(each) is not None]
        waves = self.waves.drawn(self.layer, sample, [each for _, each in known], self.raw)
        urls = self.session.image_urls([each for _, each in known])
        tiles = joined(
            fill(
                '<div>{tile}{wave}<div class="cap num-mid">{d}</div></div>',
                tile=tile(self.session, each, url),
                wave=waves.get(each, ""),
                d=decimal(float(away[i])) if away is not None else "",
            )
            for (i, each), url in zip(known, urls, strict=True)
        )
        return fill('<div class="near" data-walk>{tiles}</div>', tiles=tiles)

    def _form(self, sample: int) -> Markup:
        """Say how the lines below the neighbors are drawn; pressed, it is the other way."""
        units = self.waves.units(self.layer, sample)
        if not units:
            return Markup("")
        window = window_of(units)
        how = f"smoothed by Savitzky and Golay's filter, window {window}, order {ORDER}" if window else ""
        words = "as they are" if self.raw or not window else how
        return fill(
            '<span class="cap" title="{words}">{state} · {other}</span>',
            words=f"lines: hidden vectors, {words}; the sample's own in grey",
            state="raw" if self.raw else "smoothed",
            other=button("smoothed" if self.raw else "raw", "raw", kind="link"),
        )


def _bones() -> Markup:
    return joined(fill('<div class="bone square"></div>') for _ in range(SHOWN))
