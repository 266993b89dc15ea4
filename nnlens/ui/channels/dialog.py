"""One channel looked at closely: its values in the sample, its numbers, what drives it; over the left half of the page.

It has no scrim: maps and inspector go on living beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
import param
from markupsafe import Markup

from nnlens.ui.channels.grid import order_of
from nnlens.ui.channels.heatmap import Floats, Heatmap
from nnlens.ui.channels.measures import class_of
from nnlens.ui.channels.photo import PHOTO, VALUES, over_photo, switch
from nnlens.ui.channels.source import ChannelSource
from nnlens.ui.channels.taking import dialog_out
from nnlens.ui.channels.top import TopPhotos
from nnlens.ui.channels.values import Values
from nnlens.ui.look.component import Component
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import WIDE, icon_button
from nnlens.ui.look.text import count, decimal, fill, joined, name, percent
from nnlens.ui.look.theme import static

BARS = 24
SIDE = 240
"""Pixels of the values."""
FIXED: dict[str, Any] = {"sizing_mode": "fixed", "styles": {"flex": "none"}}


class Outside(Component):
    """Hears of clicks beside the dialog that hit nothing which acts itself."""

    listens = param.Boolean(default=False, doc="Whether the dialog is open.")

    _esm = static("outside.js")

    def __init__(self, clicked: Callable[[], Any]) -> None:
        super().__init__(width=0, height=0, margin=0, sizing_mode="fixed")
        self._clicked = clicked

    def _handle_msg(self, data: Any) -> None:
        del data
        self._clicked()


class ChannelDialog:
    """The dialog; made when it is first opened.

    Parameters
    ----------
    source : ChannelSource
    """

    def __init__(self, source: ChannelSource) -> None:
        self.source = source
        self.view = pn.Column(
            visible=False, margin=0, stylesheets=[static("dialog.css")], css_classes=["dialog"]
        )
        self._guard = source.session.guard
        self._built = False
        self._shown: Floats | None = None
        self._of: tuple[str, int | None, int | None] | None = None
        self._form = VALUES
        source.views.append(self)
        state = source.session.state
        # both at once, and after the source, which turns to the layer first
        state.param.watch(self._guard(lambda *_: self._chosen(state.channel)), ["channel", "channel_layer"])
        source.param.watch(self._guard(lambda _: self.paint()), ["changes", "sort"])
        source.param.watch(self._guard(lambda _: self._moved()), "layer")
        source.session.param.watch(self._guard(lambda _: self.paint()), "theme")

    @property
    def hidden(self) -> bool:
        """Whether it is closed."""
        return not self.view.visible

    def pick(self, channel: int) -> None:
        """Look at a channel of the layer that is shown."""
        if 0 <= channel < self.source.count:
            state = self.source.session.state
            state.param.update(channel=channel, channel_layer=self.source.layer)
            if self.hidden:  # the same one as before
                self._chosen(channel)

    def _moved(self) -> None:
        """Close where another layer is looked at than that of the channel."""
        if self.source.layer != self.source.session.state.channel_layer:
            self.close()

    def close(self) -> bool:
        """Close it; return whether it was open."""
        was, self.view.visible = bool(self.view.visible), False
        if self._built:
            self._outside.listens = False
        return was

    def _chosen(self, channel: int | None) -> None:
        if channel is None:
            self.close()
            return
        if not self._built:
            self._build()
        self.view.visible = self._outside.listens = True
        self.source.catch_up()
        self.paint()

    def _build(self) -> None:
        source, guard = self.source, self._guard
        actions: dict[str, Any] = {
            "close": lambda *_: self.close(),
            "step": lambda by, _: self._step(int(by)),
            "form": lambda form, _: self._look(form),
        }
        css = ["dialog.css", "bottom.css", "menus.css"]
        self._values = Values(source)
        self._head = Live(actions=actions, guard=guard, css=css, height=52, styles={"flex": "none"})
        shape: dict[str, Any] = {"width": SIDE, "height": SIDE + 36, **FIXED}
        self._photo = Live(css=css, **shape)
        self._switch = Live(actions=actions, guard=guard, css=css, width=SIDE, height=32, sizing_mode="fixed")
        self._heat = Heatmap(source.session, "values of the channel", self._unit, bar="below", **shape)
        self._numbers = Live(css=css, sizing_mode="stretch_both")
        self._top = TopPhotos(source)
        self._outside = Outside(guard(lambda: self.close()))
        left = pn.Column(self._heat.view, self._photo, self._switch, width=SIDE, margin=0)
        body = pn.Row(left, self._numbers, **WIDE, height=SIDE + 68, styles={"gap": "16px"})
        inner = pn.Column(
            body,
            self._top.view,
            **WIDE,
            stylesheets=[":host { padding: 12px 16px 16px; overflow-y: auto; gap: 12px; }"],
        )
        out = dialog_out(self, styles={"position": "absolute", "right": "48px", "top": "12px"})
        self.view[:] = [self._head, inner, out, self._outside]
        source.session.hub.register(
            "top photos", lambda _: self._top.paint() if self.view.visible else None, "focus"
        )
        self._built = True

    def _unit(self, cell: int) -> None:
        if self.source.dense:
            self.pick(cell)

    def _step(self, by: int) -> None:
        order = order_of(self.source, self.source.measure)
        at = int(np.flatnonzero(order == self.source.session.state.channel)[0])
        self.pick(int(order[(at + by) % len(order)]))

    # ---------------------------------------------------------------------------------------------------- drawing
    def paint(self) -> None:
        """Draw the channel that was clicked, in the sample in focus."""
        source, channel = self.source, self.source.session.state.channel
        if self.hidden or channel is None or channel >= source.count:
            return
        with pn.io.hold():
            self._head.show(self._title(channel))
            self._top.paint()
            self._draw_form()
            if source.result is None:
                self._numbers.show(self._nothing())
                return
            self._forget(channel)
            self._values.ask(None if source.dense else channel, self._arrived)
            if self._shown is not None:
                self._numbers.show(self._facts(channel, self._shown))
            self._heat.mark(channel if source.dense else None)

    def _forget(self, channel: int) -> None:
        """Keep no values of another channel, sample or layer under this one's title."""
        source = self.source
        of = (source.layer, source.session.state.focus, None if source.dense else channel)
        if of != self._of:
            self._of, self._shown = of, None

    def _arrived(self, values: Floats) -> None:
        self._shown = values
        channel = self.source.session.state.channel
        if channel is not None:
            with pn.io.hold():
                self._heat.show(values, self.source.count if self.source.dense else 0)
                self._heat.mark(channel if self.source.dense else None)
                self._draw_form()
                self._numbers.show(self._facts(channel, values))

    def _look(self, form: str) -> None:
        """Show the values alone, or over the photo."""
        self._form = PHOTO if form == PHOTO else VALUES
        self._draw_form()

    def _draw_form(self) -> None:
        source, sample = self.source, self.source.session.state.focus
        can = not source.dense and source.session.data.pictured and source.result is not None
        over = can and self._form == PHOTO and self._shown is not None and sample is not None
        with pn.io.hold():
            self._heat.view.visible, self._photo.visible, self._switch.visible = not over, over, can
            self._switch.show(switch(self._form))
            if over and sample is not None and self._shown is not None:
                self._photo.show(over_photo(source.session, sample, self._shown))

    def _title(self, channel: int) -> Markup:
        source = self.source
        measure, focus = source.measure, source.session.state.focus
        place = int(np.flatnonzero(order_of(source, measure) == channel)[0]) + 1
        size = "×".join(map(str, source.stop.shape[1:])) or f"{source.count} units"
        where = "no sample in focus" if focus is None else f"sample {focus:,}"
        return fill(
            '<div class="dhead"><div class="grow"><div class="b cut">{word} {c} of {layer}</div>'
            '<div class="cap cut">raw values · {where} · {size}</div></div>{back}'
            '<span class="cap">{place} of {n} by {by}</span>{next}<span class="rule"></span>{close}</div>',
            word="Unit" if source.dense else "Channel",
            c=channel,
            layer=name(source.stop.title, 24),
            where=where,
            size=size,
            back=icon_button("chevron_left", "the channel before", "step", -1, key="before"),
            next=icon_button("chevron_right", "the next channel", "step", 1, key="after"),
            place=count(place),
            n=count(source.count),
            by="index" if measure is None else measure.title,
            close=icon_button("close", "close (esc)", "close"),
        )

    def _nothing(self) -> Markup:
        source = self.source
        if source.waiting:
            return fill('<div class="bone" style="height:120px"></div>')
        if source.session.state.focus is None:
            return fill(
                '<div class="sec">No sample in focus: click a point to see what this channel makes of it.</div>'
            )
        return fill(
            '<div class="sec">The maps of this sample are not computed: press Compute in Channels.</div>'
        )

    def _facts(self, channel: int, values: Floats) -> Markup:
        source = self.source
        here = [m for m in source.measures if m.here and m.title not in ("low", "high")]
        rows = {m.title: m.words(channel) for m in here}
        if source.dense:
            rows = {
                "value": decimal(float(values.flat[channel])),
                "rank": f"{rank(values, channel)} of {source.count:,}",
            }
        finite = values[np.isfinite(values)]
        if not finite.size:
            return fill('<div class="sec">No value of this channel is finite.</div>')
        rows |= {
            "max": decimal(float(finite.max())), "mean": decimal(float(finite.mean(dtype=np.float64))),
            "min": decimal(float(finite.min())), "zeros": percent(float((finite == 0).mean()), 0),
        }  # fmt: skip
        over = {
            m.title: class_of(source.session, m, channel) or m.words(channel)
            for m in source.measures
            if not m.here
        }
        return fill(
            '<div class="facts">{rows}</div>{bars}{over}',
            rows=_pairs(rows),
            bars=_bars(finite),
            over=fill(
                '<div class="cap over">over the samples</div><div class="facts small">{rows}</div>',
                rows=_pairs(over),
            )
            if over
            else "",
        )


def rank(values: Floats, unit: int) -> int:
    """Return the place of a unit among all, the largest value first; equal ones share the better place."""
    return int((values.ravel() > values.flat[unit]).sum()) + 1


def _pairs(rows: dict[str, str]) -> Markup:
    return joined(
        fill('<span class="cut">{k}</span><b class="cut">{v}</b>', k=k, v=v) for k, v in rows.items()
    )


def _bars(values: Floats) -> Markup:
    """Draw how often which values are there; zeros, which are most after a ReLU, are left out."""
    shown = values[values != 0]
    if not shown.size:
        return Markup("")
    counts, edges = np.histogram(shown, BARS)
    bars = joined(fill('<i style="height:{h:.0f}%"></i>', h=100 * n / counts.max()) for n in counts.tolist())
    return fill(
        '<div class="cap over">values other than 0</div>'
        '<div class="hist" role="img" aria-label="{n} values">{bars}</div>'
        '<div class="ends cap"><span>{a}</span><span>{b}</span></div>',
        n=shown.size,
        bars=bars,
        a=decimal(float(edges[0])),
        b=decimal(float(edges[-1])),
    )
