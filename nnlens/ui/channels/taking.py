"""Channels on their way out: the grid that is shown, all maps of the layer, one channel's values, the units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.palettes import Viridis256

from nnlens.errors import ExportError
from nnlens.export.drawing import Drawing, Raster, Rect, Shape, Words, fitted
from nnlens.ui.channels import grid
from nnlens.ui.channels.measures import RANGE
from nnlens.ui.channels.values import Floats, at_hand
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import NARROW, bundle_download, figure_downloads, stem
from nnlens.ui.look.palette import TOKENS, diverging, rgb
from nnlens.ui.look.text import count, decimal, plain

if TYPE_CHECKING:
    from nnlens.ui.channels.dialog import ChannelDialog
    from nnlens.ui.channels.panel import ChannelPanel
    from nnlens.ui.channels.source import ChannelSource

TILE, STEP, LINE = 56, 64, 76
"""Pixels of a thumbnail, and from one to the next across and down."""
SIDE, BAR = 320, 12
MOST = 64
"""Channels that one zip has a picture of each: those that come first."""


def panel_out(panel: ChannelPanel) -> TakeOut:
    """Return the button that takes the channels that are shown out."""
    source = panel.source
    name = stem(source.session, "channels", lambda: source.layer, lambda: _focus(source))
    offered = figure_downloads(name, lambda: layer_figure(panel))
    offered.append(bundle_download(f"Each channel, first {MOST} (zip)", name, lambda: each_channel(source)))
    return TakeOut(source.session, "take the channels out", offered, **NARROW)


def dialog_out(dialog: ChannelDialog, **layout: Any) -> TakeOut:
    """Return the button that takes the channel that is looked at out."""
    session, source = dialog.source.session, dialog.source
    name = stem(
        session, "channel", lambda: session.state.channel, lambda: source.layer, lambda: _focus(source)
    )
    return TakeOut(
        session, "take this channel out", figure_downloads(name, lambda: channel_figure(dialog)), **layout
    )


def _focus(source: ChannelSource) -> str:
    focus = source.session.state.focus
    return "" if focus is None else f"sample {focus}"


def _result(source: ChannelSource) -> Any:
    if source.result is None:
        raise ExportError("No channels are shown.", "Click a sample, and press Compute where that is asked.")
    return source.result


def _values(source: ChannelSource, channel: int | None) -> Floats:
    values = at_hand(source, channel)
    if values is None:
        raise ExportError("The values are still on their way.", "Try again in a moment.")
    return values


def layer_figure(panel: ChannelPanel) -> Drawing:
    """Draw the channels of the page that is open, or the units of a flat layer."""
    source = panel.source
    if source.dense:
        _result(source)
        title = f"Units of {plain(source.stop.title, 48)}"
        return values_figure(
            source, _values(source, None), title, f"sample {source.session.state.focus:,}", source.count
        )
    return _grid(source, panel.page, grid.PAGE)


def _grid(source: ChannelSource, page: int, size: int) -> Drawing:
    result, measure, tokens = _result(source), source.measure, TOKENS[source.session.theme]
    order = grid.order_of(source, measure)
    shown = order[page * size : (page + 1) * size]
    columns = max(min(16, len(shown)), 1)
    shapes: list[Shape] = []
    for place, channel in enumerate(shown):
        x, y = STEP * (place % columns), LINE * (place // columns)
        shapes += [
            Rect(x, y, TILE, TILE, "#000000"),
            fitted(result["feature_map"].values[0, channel], x, y, TILE),
            Words(x, y + TILE + 11, str(channel), 10, tokens["ink2"]),
        ]
        if measure is not None:
            shapes.append(
                Words(x + TILE, y + TILE + 11, measure.words(int(channel)), 10, tokens["ink3"], "end")
            )
    by = "index" if measure is None else measure.title
    values = {"channel": shown, "feature_map": result["feature_map"].values[0][shown]}
    values |= {f"{side}est": result[side].values[0][shown] for side in RANGE if side in result}
    values |= (
        {} if measure is None else {"number": np.asarray(measure.values)[shown], "number_of": measure.title}
    )
    who = f"sample {source.session.state.focus:,}"
    caption = f"{who} · {count(source.count)} channels by {by} · each from its lowest to its highest value"
    return Drawing(
        max(STEP * columns, 420), LINE * -(-len(shown) // columns), shapes, values | _where(source),
        f"Channels of {plain(source.stop.title, 48)}", caption, tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _where(source: ChannelSource) -> dict[str, Any]:
    return {"layer": source.layer, "sample": source.session.state.focus}


def each_channel(source: ChannelSource) -> dict[str, Drawing]:
    """Draw the first channels one by one, from their lowest to their highest value."""
    result, tokens = _result(source), TOKENS[source.session.theme]
    if source.dense:
        raise ExportError("The units of a flat layer are one picture.", "Take the picture out.")
    found = {}
    for channel in grid.order_of(source, source.measure)[:MOST].tolist():
        low, high = (float(result[name].values[0, channel]) for name in RANGE)
        pixels = result["feature_map"].values[0, channel]
        values = {"feature_map": pixels, "lowest": low, "highest": high, "channel": channel, **_where(source)}
        found[f"channel-{channel}"] = Drawing(
            224, 224, [fitted(pixels, 0, 0, 224)], values, f"Channel {channel}",
            f"{decimal(low)} to {decimal(high)}", tokens["ink"], tokens["surface"],
        )  # fmt: skip
    return found


def channel_figure(dialog: ChannelDialog) -> Drawing:
    """Draw the channel that is looked at, in its own values."""
    source, channel = dialog.source, dialog.source.session.state.channel
    _result(source)
    values = _values(source, None if source.dense else channel)
    word = "Unit" if source.dense else "Channel"
    title = f"{word} {channel} of {plain(source.stop.title, 48)}"
    caption = f"sample {source.session.state.focus:,} · raw values"
    made = values_figure(source, values, title, caption, source.count if source.dense else 0)
    return Drawing(**{**vars(made), "values": {**made.values, "channel": channel}})


def values_figure(source: ChannelSource, values: Floats, title: str, caption: str, units: int = 0) -> Drawing:
    """Draw values, dims (y, x), with their scale; beyond the last of a flat layer's units there are none."""
    theme = source.session.theme
    tokens = TOKENS[theme]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = low < 0
    top = max(-low, high) or 1.0
    low, high = (-top, top) if signed else (low, high if high > low else low + 1)
    colors = np.array([rgb(color) for color in (diverging(theme, 255) if signed else Viridis256)])
    place = np.clip(np.nan_to_num((values - low) / (high - low)) * len(colors), 0, len(colors) - 1).astype(
        int
    )
    pixels = np.where(np.isfinite(values)[..., None], colors[place], rgb(tokens["surface"])).astype(np.uint8)
    picture = fitted(pixels, 0, 0, SIDE)
    y = picture.y + picture.height + 8
    scale: list[Shape] = [
        Raster(0, y, SIDE, BAR, colors[None].astype(np.uint8)),
        Words(0, y + BAR + 13, decimal(low), 10, tokens["ink2"]),
        Words(SIDE, y + BAR + 13, decimal(high), 10, tokens["ink2"], "end"),
    ]
    kept: Mapping[str, Any] = {"value": values.ravel()[:units]} if units else {"value": values}
    return Drawing(
        SIDE, y + BAR + 16, [picture, *scale], {**kept, "scale": np.array([low, high]), **_where(source)},
        title, caption, tokens["ink"], tokens["surface"],
    )  # fmt: skip
