"""What the plots of a page have in common: no frames, small ticks, panels with a head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import panel as pn
from bokeh.models import Axis, FixedTicker, Plot

from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, WIDE
from nnlens.ui.look.text import fill

hv.extension("bokeh", logo=False)

FLAT: Mapping[str, Any] = {
    "responsive": True, "border": 0, "toolbar": None, "default_tools": [], "show_frame": False, "shared_axes": False,
    "xlabel": "", "ylabel": "", "padding": 0,
}  # fmt: skip
"""Options of every plot: tools work, but no bar is shown."""
HEAD = 20


def bare(figure: Plot) -> None:
    """Take frame, margins and own background away; the page's surface shows."""
    # the fill is left to panel-material-ui, which gives figures the page's surface
    figure.update(outline_line_color=None, min_border=0)
    # no level of detail: it paints again half a second after every zoom
    figure.update(lod_threshold=None, lod_interval=0, lod_timeout=0)
    # maps hold pictures and at most some thousands of glyphs: nothing that WebGL draws faster, and without a GPU it
    # draws in software and copies every plot at each paint
    figure.output_backend = "canvas"
    figure.toolbar.logo = None


def ticks(axis: Axis, words: Mapping[float, str]) -> None:
    """Write these words along an axis, small, without lines."""
    axis.update(
        ticker=FixedTicker(ticks=list(words)),
        major_label_overrides=dict(words),
        axis_line_color=None,
        major_tick_line_color=None,
        minor_tick_line_color=None,
        major_label_text_font_size="10px",
        major_label_standoff=4,
    )


def section(title: str, note: str, *body: Any, out: Any = None) -> pn.Column:
    """Build a panel: a title with a note at its right, and what it holds; `out` is the button that takes it out."""
    head = fill(
        '<div class="h3"><span>{title}</span><span class="cap cut">{note}</span></div>',
        title=title,
        note=note,
    )
    grow = {"flex": "none"} if out is None else {"flex": "1 1 0", "min-width": "0"}
    line: Any = Live(head, height=HEAD, styles=grow)
    if out is not None:
        line = pn.Row(line, out, **WIDE, styles={"flex": "none"})
    return pn.Column(line, *body, **FILL)


def picture(element: Any, **layout: Any) -> pn.pane.HoloViews:
    """Put a plot into the page; linked axes would zoom strangers together."""
    return pn.pane.HoloViews(element, linked_axes=False, **{**FILL, **layout})
