"""All channels of a layer for one sample, as grey thumbnails with index and number; sorted, page by page.

The thumbnails of a page are cells of one picture, the sheet: hundreds of small ones take ten times as long to make.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.ui.channels.measures import INDEX, RANGE, Measure
from nnlens.ui.look.parts import icon_button
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.text import count, decimal, fill, joined

if TYPE_CHECKING:
    from nnlens.ui.channels.source import ChannelSource

PAGE = 256
FEW = 36
"""Thumbnails where there is room for some only: as many as are in view on a large screen."""
EDGE = 1
"""Pixels around each cell that repeat its own: a browser that scales a sheet looks across the border."""
SMOOTH = 40
"""Pixels from which a map is drawn without its edges: thumbnails have about as many."""

Maps = NDArray[np.uint8]
Order = NDArray[np.intp]


def order_of(source: ChannelSource, measure: Measure | None) -> Order:
    """Return the channels in the order in which they are shown."""
    return np.arange(source.count) if measure is None else measure.order()


def shown_on(source: ChannelSource, measure: Measure | None, page: int, few: bool = False) -> Order:
    """Return the channels of a page; `few` is for where there is room for the first ones only."""
    size = FEW if few else PAGE
    return order_of(source, measure)[page * size : (page + 1) * size]


def thumbnails(source: ChannelSource, measure: Measure | None, shown: Order) -> Markup:
    """Draw a page of channels as cells of a `sheet` that comes with the name "maps"."""
    result = source.result
    if result is None:
        return Markup("")
    height, width = result["feature_map"].shape[2:]
    low, high = (result[name].values[0].tolist() for name in RANGE)
    chosen = source.session.state.channel
    return fill(
        '<div data-face="maps" data-walk role="group" aria-label="channels" style="{style}">{tiles}</div>',
        style=_scale(len(shown), height, width),
        tiles=joined(
            _thumbnail(c, place, measure, (low[c], high[c]), c == chosen)
            for c, place in zip(shown.tolist(), _places(len(shown), height, width), strict=True)
        ),
    )


def drawn_as(result: Any, few: bool) -> str:
    """Return the classes that draw a sheet."""
    smooth = "smooth" if min(result["feature_map"].shape[2:]) > SMOOTH else ""
    return f"chs {'small' if few else ''} {smooth}"


def sheet(maps: Maps) -> Maps:
    """Lay maps (channel, y, x) out in one picture (y, x), row by row, each in a border of its own pixels."""
    columns, rows = _form(len(maps))
    cells = np.zeros((rows * columns, *(side + 2 * EDGE for side in maps.shape[1:])), np.uint8)
    cells[: len(maps)] = np.pad(maps, ((0, 0), (EDGE, EDGE), (EDGE, EDGE)), "edge")
    height, width = cells.shape[1:]
    lines = cells.reshape(rows, columns, height, width).swapaxes(1, 2)
    return np.ascontiguousarray(lines.reshape(rows * height, columns * width))


def _form(channels: int) -> tuple[int, int]:
    """Return columns and rows of a sheet."""
    columns = max(1, math.isqrt(max(channels - 1, 0)) + 1)
    return columns, max(1, -(-channels // columns))


def _scale(channels: int, height: int, width: int) -> str:
    """Say how large a sheet is beside one of its cells, and the form of a cell."""
    across, down = (
        100 * many * (side + 2 * EDGE) / side
        for many, side in zip(_form(channels), (width, height), strict=True)
    )
    longer = max(height, width)
    return f"--sheet:{across:.4f}% {down:.4f}%;--cw:{100 * width / longer:.2f}%;--chh:{100 * height / longer:.2f}%"


def _places(channels: int, height: int, width: int) -> list[tuple[str, str]]:
    """Return where the cells of a sheet lie, as CSS places a background: as shares of what juts out."""
    columns, rows = _form(channels)
    across, down = (
        [
            f"{100 * (at * (side + 2 * EDGE) + EDGE) / (many * (side + 2 * EDGE) - side):.4f}"
            for at in range(many)
        ]
        for many, side in ((columns, width), (rows, height))
    )
    return [(across[at % columns], down[at // columns]) for at in range(channels)]


def _thumbnail(
    channel: int, place: tuple[str, str], measure: Measure | None, ends: tuple[float, float], on: bool
) -> Markup:
    number = "" if measure is None else measure.words(channel)
    return fill(
        '<button class="ch {on}" type="button" data-act="channel" data-value="{c}" data-key="ch{c}" '
        'title="channel {c}: {low} to {high}{words}"><span class="map"><span class="cell" '
        'style="background-position:{x}% {y}%"></span></span><span class="who"><i>{c}</i><i>{n}</i></span></button>',
        on="on" if on else "",
        c=channel,
        low=decimal(ends[0]),
        high=decimal(ends[1]),
        words="" if measure is None else f", {measure.title} {number}",
        x=place[0],
        y=place[1],
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
