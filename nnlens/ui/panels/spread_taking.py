"""The scatter of the loss on its way out, with the numbers that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnlens.export.drawing import SHARPNESS, Drawing, Raster, Shape, Words
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import NARROW, figure_downloads, stem
from nnlens.ui.look.palette import TOKENS, palette_pixels
from nnlens.ui.look.text import count, decimal
from nnlens.ui.panels import spread
from nnlens.ui.panels.taking import HEIGHT, WIDTH

if TYPE_CHECKING:
    from nnlens.ui.panels.loss_scatter import LossScatter

AXIS, NUMBERS = 44, 5
"""Pixels left of the plot, for numbers; how many numbers stand below it."""


def scatter_out(scatter: LossScatter) -> TakeOut:
    """Return the button that takes the scatter out."""
    session = scatter.session
    name = stem(session, "loss", lambda: scatter.spread.column)
    return TakeOut(
        session, "take the scatter out", figure_downloads(name, lambda: scatter_figure(scatter)), **NARROW
    )


def scatter_figure(scatter: LossScatter) -> Drawing:
    """Draw all samples by a column and their loss, as they stand on the page: the selected in front."""
    session, shown = scatter.session, scatter.spread
    tokens, mask, total = TOKENS[session.theme], session.state.mask, len(session.data)
    wide, high = scatter.size or (WIDTH, HEIGHT)
    sharp = shown.pixels(session.colors, mask, (SHARPNESS * wide, SHARPNESS * high))
    colors = palette_pixels(spread.palette(session.theme, total, mask is not None), tokens["surface"])
    shapes = [Raster(AXIS, 0, wide, high, colors[sharp][::-1]), *_sides(shown, wide, high, tokens["ink2"])]
    selected = "" if mask is None else f"{count(mask.sum())} selected · "
    column = shown.column.replace("_", " ")
    return Drawing(
        AXIS + wide, high + 20, shapes, _numbers(scatter), f"Loss against {column}",
        f"{selected}{count(len(shown.positions))} samples · cross-entropy · color: label × loss",
        tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _sides(shown: spread.Spread, wide: float, high: float, ink: str) -> list[Shape]:
    """Write the powers of ten at the left, classes or numbers below."""
    x0, y0, x1, y1 = shown.view
    found: list[Shape] = []
    for power in range(int(np.ceil(y0)), int(np.floor(y1)) + 1):
        words = {0: "1", 1: "10"}.get(power, f"1e{power}")
        found.append(Words(AXIS - 6, high * (y1 - power) / (y1 - y0) + 4, words, 10, ink, "end"))
    below = shown.words() or {at: decimal(at) for at in _round(x0, x1)}
    for at, words in below.items():
        found.append(Words(AXIS + wide * (at - x0) / (x1 - x0), high + 14, words, 10, ink, "middle"))
    return found


def _round(low: float, high: float) -> list[float]:
    """Find round numbers in a range, about as many as have room."""
    rough = (high - low) / NUMBERS
    step = min(
        (10 ** np.floor(np.log10(rough)) * k for k in (1, 2, 5, 10)), key=lambda each: abs(each - rough)
    )
    return [float(k * step) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _numbers(scatter: LossScatter) -> dict[str, Any]:
    session, shown = scatter.session, scatter.spread
    mask = session.state.mask
    return {
        "sample": session.data.ids, "loss": session.data.loss, "column_of": shown.column,
        "column": spread.values(session.data, shown.column), "x": shown.x, "y": shown.y,
        "selected": np.zeros(len(session.data), bool) if mask is None else mask,
    }  # fmt: skip
