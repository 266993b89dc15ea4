"""All channels of a layer for one sample, as grey thumbnails with index and number; sorted, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from nnlens.ui.channels.measures import INDEX, RANGE, Measure
from nnlens.ui.look.parts import icon_button
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.text import count, decimal, fill, joined

if TYPE_CHECKING:
    from nnlens.ui.channels.source import ChannelSource

PAGE = 256
FEW = 60
"""Thumbnails where there is room for some only."""


def order_of(source: ChannelSource, measure: Measure | None) -> np.ndarray[Any, Any]:
    """Return the channels in the order in which they are shown."""
    return np.arange(source.count) if measure is None else measure.order()


def thumbnails(source: ChannelSource, page: int, few: bool = False) -> Markup:
    """Draw a page of channels; `few` is for where there is room for the first ones only."""
    result, measure = source.result, source.measure
    if result is None:
        return Markup("")
    size = FEW if few else PAGE
    shown = order_of(source, measure)[page * size : (page + 1) * size]
    maps = result["feature_map"].values[0]
    low, high = (result[name].values[0] for name in RANGE)
    return fill(
        '<div class="chs {small}" data-walk role="group" aria-label="channels">{tiles}</div>',
        small="small" if few else "",
        tiles=joined(
            _thumbnail(int(c), data_url(maps[c]), measure, (low[c], high[c]), source.session.state.channel)
            for c in shown
        ),
    )


def _thumbnail(
    channel: int, url: str, measure: Measure | None, ends: tuple[float, float], chosen: int | None
) -> Markup:
    number = "" if measure is None else measure.words(channel)
    words = f"channel {channel}: {decimal(float(ends[0]))} to {decimal(float(ends[1]))}"
    full = "" if measure is None else f", {measure.title} {measure.words(channel)}"
    return fill(
        '<button class="ch {on}" type="button" data-act="channel" data-value="{c}" data-key="ch{c}" title="{words}"'
        ' aria-label="{words}"><img src="{url}" alt=""><span><i>{c}</i><i>{n}</i></span></button>',
        on="on" if channel == chosen else "",
        c=channel,
        words=words + full,
        url=url,
        n=number,
    )


def as_picture(source: ChannelSource) -> Markup:
    """Draw a flat layer as one small picture."""
    result = source.result
    if result is None:
        return Markup("")
    low, high = (decimal(float(result[name].values[0, 0])) for name in RANGE)
    words = f"{source.count:,} units row by row, from {low} to {high}"
    return fill(
        '<button class="units" type="button" data-act="more" title="{words}: look closely" aria-label="{words}">'
        '<img src="{url}" alt=""></button><div class="cap cut">{words}</div>',
        words=words,
        url=data_url(result["feature_map"].values[0, 0]),
    )


def legend(measure: Measure | None) -> Markup:
    """Say what black and white mean, and what the numbers are."""
    number = "" if measure is None else f", {measure.title}{'' if measure.here else ' over the samples'}"
    return fill(
        '<div class="legend cap cut"><span>lowest</span><i class="grey"></i><span>highest value of each map · '
        "under it: index{number}</span></div>",
        number=number,
    )


def turner(page: int, channels: int) -> Markup:
    """Draw what turns the pages, where there are several."""
    if channels <= PAGE:
        return Markup("")
    first, last = page * PAGE, min((page + 1) * PAGE, channels)
    return fill(
        '<span class="turn cap">{a}–{b} of {n}{back}{next}</span>',
        a=count(first + 1),
        b=count(last),
        n=count(channels),
        back=icon_button("chevron_left", "page before", "turn", -1, off=first == 0, key="back"),
        next=icon_button("chevron_right", "next page", "turn", 1, off=last >= channels, key="next"),
    )


def sort_menu(source: ChannelSource, measure: Measure | None) -> Markup:
    """Draw the menu of what sorts: the index, what is known of each channel, and what could be computed."""
    groups: list[tuple[str, list[tuple[str, str]]]] = [("", [(INDEX, "by index")])]
    found = source.measures
    groups += [("in this sample", [(m.id, f"by {m.title}") for m in found if m.here])]
    groups += [("over the samples", [(m.id, f"by {m.title}") for m in found if not m.here])]
    groups += [
        (
            "not computed yet",
            [(f"compute {t.id}", f"{t.title} …") for t in source.known.lacking(source.layer)],
        )
    ]
    value = INDEX if measure is None else measure.id
    return fill(
        '<select class="menu" data-act="sort" data-key="sort" aria-label="sorted by" title="sorted by: {why}">'
        "{groups}</select>",
        why="their index" if measure is None else f"{measure.title} · {measure.caption}",
        groups=joined(_group(label, options, value) for label, options in groups if options),
    )


def _group(label: str, options: list[tuple[str, str]], value: str) -> Markup:
    body = joined(
        fill('<option value="{v}" {on}>{text}</option>', v=v, on="selected" if v == value else "", text=text)
        for v, text in options
    )
    return fill('<optgroup label="{label}">{body}</optgroup>', label=label, body=body) if label else body


def layer_menu(source: ChannelSource) -> Markup:
    """Draw the menu of layers."""
    return fill(
        '<select class="menu" data-act="layer" data-key="layer" aria-label="layer whose channels are shown"'
        ' title="layer whose channels are shown">{options}</select>',
        options=joined(
            fill(
                '<option value="{v}" {on}>{title} · {dims}</option>',
                v=stop.name,
                on="selected" if stop.name == source.layer else "",
                title=stop.title,
                dims=stop.dims,
            )
            for stop in source.layers
        ),
    )
