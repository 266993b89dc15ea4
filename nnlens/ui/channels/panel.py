"""The panel of channels: over the whole width with its menus, or small beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from markupsafe import Markup

from nnlens.ui.channels import grid
from nnlens.ui.channels.heatmap import Heatmap
from nnlens.ui.channels.source import ChannelSource
from nnlens.ui.channels.taking import panel_out
from nnlens.ui.channels.values import Values
from nnlens.ui.core.hideable import Hideable
from nnlens.ui.core.taking import headed
from nnlens.ui.look.live import Faced, Live
from nnlens.ui.look.parts import FILL, button, empty, icon_button
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import count, error_words, fill, joined, name, plain

Pick = Callable[[int], Any]
BONES = 40


class ChannelPanel(Hideable):
    """A grid of channels, or the units of a flat layer as one map.

    Parameters
    ----------
    source : ChannelSource
    pick : callable
        Gets the channel that was clicked.
    more : callable, optional
        Opens the large form; of the small form, which shows the first channels only.
    """

    def __init__(self, source: ChannelSource, pick: Pick, more: Callable[[], Any] | None = None) -> None:
        self.source, self.pick, self.more = source, pick, more
        self.page = 0
        self._values = Values(source)
        self._about: tuple[Any, ...] = ()
        guard = source.session.guard
        actions: dict[str, Any] = {
            "channel": lambda value, _: pick(int(value)),
            "compute": lambda *_: source.compute(),
            "cancel": lambda *_: source.cancel(),
            "unmeasure": lambda *_: source.known.cancel(source.layer),
            "more": lambda *_: more() if more else None,
            "turn": lambda by, _: self._turn(int(by)),
            "sort": lambda value, _: self._sort(value),
            "layer": lambda value, _: setattr(source, "layer", value) if self._has(value) else None,
        }
        css = ["bottom.css", "explain.css", "channels.css"]
        self._head = Live(actions=actions, guard=guard, css=css, height=24, styles={"flex": "none"})
        self._body = Faced(actions=actions, guard=guard, css=css, sizing_mode="stretch_both")
        self._sheet: tuple[Any, bytes] = (None, b"")
        self.heat = None if more else Heatmap(source.session, "units of the layer", pick)
        head = self._head if more else headed(self._head, panel_out(self))  # the small form has no room
        parts = [head, self._body, *([self.heat.view] if self.heat else [])]
        self.view = pn.Column(*parts, **FILL, styles={"min-height": "0", "overflow": "hidden"})
        source.views.append(self)
        source.param.watch(guard(lambda _: self.paint()), ["changes", "sort"])
        source.session.state.param.watch(guard(lambda _: self.paint()), "channel")
        source.session.param.watch(guard(lambda _: self.paint()), "theme")
        source.catch_up()
        self.paint()

    def _came(self) -> None:
        self.source.catch_up()
        super()._came()

    def paint(self) -> None:
        """Draw the channels of the sample in focus, or say what keeps them from being there."""
        if self.put_off(self.paint):
            return
        source = self.source
        about = source.layer, source.sort
        if about != self._about:
            self._about, self.page = about, 0
        dense = source.dense and self.heat is not None and source.result is not None
        with pn.io.hold():
            self._head.show(self._title())
            if self.heat is not None:
                self.heat.view.visible = dense
                self._body.visible = not dense
            if dense and self.heat is not None:
                self._units(self.heat)
            else:
                self._body.show(self._content())

    # ---------------------------------------------------------------------------------------------------- gestures
    def _has(self, layer: str) -> bool:
        return any(stop.name == layer for stop in self.source.layers)

    def _sort(self, value: str) -> None:
        if value.startswith("compute "):
            self.source.measure_all(value.removeprefix("compute "))
            self.paint()
        else:
            self.source.sort = value

    def _turn(self, by: int) -> None:
        self.page = min(max(self.page + by, 0), (self.source.count - 1) // grid.PAGE)
        self.paint()

    # ---------------------------------------------------------------------------------------------------- drawing
    def _units(self, heat: Heatmap) -> None:
        """Draw the units of a flat layer as a map to look at closely."""
        source = self.source
        heat.mark(
            source.session.state.channel if source.session.state.channel_layer == source.layer else None
        )
        self._values.ask(None, lambda values: heat.show(values, source.count))

    def _title(self) -> Markup:
        source = self.source
        measure = source.measure if not source.dense else None
        word = "Units" if source.dense else "Channels"
        menus = Markup("") if source.dense else grid.sort_menu(source, measure)
        if self.more is None:
            turn = Markup("") if source.dense else grid.turner(self.page, source.count)
            menus = (
                turn
                + (grid.legend(measure) if source.result is not None and not source.dense else Markup(""))
                + grid.layer_menu(source)
                + menus
            )
        return fill(
            '<div class="h3 chead {small}"><span class="cut">{word} of {layer}{who}</span>'
            '<span class="picks">{busy}{menus}</span></div>',
            small="small" if self.more else "",
            word=word,
            layer=name(source.stop.title, 24),
            who=self._who(),
            busy=self._measuring(),
            menus=menus,
        )

    def _who(self) -> Markup:
        """Say of which sample, where there is room."""
        focus = self.source.session.state.focus
        if focus is None or self.more is not None:
            return Markup("")
        return fill('<span class="cap"> &nbsp;sample {id}</span>', id=count(focus))

    def _measuring(self) -> Markup:
        """Say how far the computing of a number of all channels is."""
        task = self.source.known.computing(self.source.layer)
        if task is None:
            return Markup("")
        return fill(
            '<span class="busy cap"><span class="spin"></span><span class="cut">{words}</span>{stop}</span>',
            words=plain(state_words(task), 60),
            stop=icon_button("close", "cancel", "unmeasure"),
        )

    def _content(self) -> Markup:
        source = self.source
        if source.session.data.position(source.session.state.focus) is None:
            return _nobody()
        if source.trouble is not None:
            return self._trouble(source.trouble)
        if source.result is None:
            return self._progress() if source.waiting else self._offer()
        if source.dense:
            return grid.as_picture(source)
        return self._grid(source.result)

    def _grid(self, result: Any) -> Markup:
        source, few = self.source, self.more is not None
        measure = source.measure
        shown = grid.shown_on(source, measure, self.page, few)
        if self._sheet[0] is not result or self._sheet[1] != shown.tobytes():
            self._sheet = result, shown.tobytes()
            picture = grid.sheet(result["feature_map"].values[0, shown])
            self._body.faces = {"maps": [data_url(picture), grid.drawn_as(result, few)]}
        tiles = grid.thumbnails(source, measure, shown)
        link = (
            button(f"all {source.count:,} channels", "more", kind="link")
            if few and source.count > grid.FEW
            else ""
        )
        return fill('<div class="scroll" data-scroll>{tiles}{more}</div>', tiles=tiles, more=link)

    def _progress(self) -> Markup:
        task = self.source.task
        bones = joined(fill('<div class="bone ch"></div>') for _ in range(min(BONES, self.source.count)))
        told = Markup("")
        if task is not None and task in self.source.work.tasks:
            told = fill(
                '<div class="told"><div class="grow"><div class="cap cut">{words}</div>{bar}</div>{cancel}</div>',
                words=state_words(task),
                bar=bar(task),
                cancel=button("Cancel", "cancel"),
            )
        return fill(
            '<div class="wait">{told}<div class="chs {small}" role="status" aria-label="computing">{bones}</div></div>',
            told=told,
            small="small" if self.more else "",
            bones=bones,
        )

    def _offer(self) -> Markup:
        """Offer what costs a pass through the network."""
        source = self.source
        why = f"The run holds {plain(source.stop.title, 24)} {source.stop.held.removeprefix('kept ')}."
        what = "One pass of this sample through the network shows its channels; they are kept with the run."
        if self.more is not None:
            return empty(
                "Not computed yet", action=button("Compute", "compute", kind="main", title=f"{why} {what}")
            )
        return empty("Not computed yet", why, what, action=button("Compute", "compute", kind="main"))

    def _trouble(self, error: BaseException) -> Markup:
        text, hint = error_words(error)
        return fill(
            '<div class="empty"><div class="b bad">{text}</div><div class="sec">{hint}</div>'
            '<div class="empty-do">{again}</div></div>',
            text=text,
            hint=hint,
            again=button("Try again", "compute"),
        )


def _nobody() -> Markup:
    return empty(
        "No sample in focus",
        fill("Click a point, or press {j}: its channels show here.", j=fill("<kbd>j</kbd>")),
    )
