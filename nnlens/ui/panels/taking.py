"""The bars of the loss and the confusion matrix on their way out, with the numbers that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnlens.export.drawing import Drawing, Line, Raster, Rect, Shape, Words
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import NARROW, figure_downloads, stem
from nnlens.ui.look.palette import TOKENS, mix, rgb
from nnlens.ui.look.text import count, percent
from nnlens.ui.panels.mosaic import CELL

if TYPE_CHECKING:
    from nnlens.ui.panels.histogram import Bins
    from nnlens.ui.panels.matrix import ConfusionMatrix

WIDTH, HEIGHT = 480, 240
BESIDE, BELOW = 88, 76
"""Pixels left of the matrix and below it, for names."""
LEAST = 0.15
"""Width of the bar of a cell of which next to nothing is selected, of a cell; as on the page."""


def loss_out(session: Session, bins: Bins) -> TakeOut:
    """Return the button that takes the histogram of the loss out."""
    name = stem(session, "loss")
    return TakeOut(
        session, "take the losses out", figure_downloads(name, lambda: loss_figure(session, bins)), **NARROW
    )


def loss_figure(session: Session, bins: Bins) -> Drawing:
    """Draw the histogram of the loss, both axes logarithmic, the selected in front."""
    tokens, mask = TOKENS[session.theme], session.state.mask
    chosen = bins.count(mask)
    edges, top = bins.edges, float(_height(bins.counts).max()) or 1.0

    def across(power: float) -> float:
        return WIDTH * float(power - edges[0]) / float(edges[-1] - edges[0])

    shapes: list[Shape] = []
    for power in range(int(np.log10(max(bins.counts.max(), 1))) + 1):
        y = HEIGHT * (1 - _height(10**power) / top)
        shapes += [Line([(0, y), (WIDTH, y)], tokens["line"])]
        shapes += [Words(WIDTH + 6, y + 4, f"{10**power:,}", 10, tokens["ink2"])]
    for counts, color in ((bins.counts, tokens["bar"]), (chosen, tokens["accent"])):
        for left, right, tall in zip(edges[:-1], edges[1:], HEIGHT * _height(counts) / top, strict=True):
            if tall:
                x = across(left)
                shapes.append(Rect(x + 0.5, HEIGHT - tall, across(right) - x - 1, tall, color))
    for power in range(int(np.ceil(edges[0])), int(edges[-1]) + 1, 2):
        words = {0: "1", 1: "10"}.get(power, f"1e{power}")
        shapes.append(Words(across(power), HEIGHT + 14, words, 10, tokens["ink2"], "middle"))
    selected = "" if mask is None else f"{count(mask.sum())} selected · "
    values = {
        "edge": 10.0**edges, "count": bins.counts, "selected": chosen, "sample": session.data.ids,
        "loss": session.data.loss, "bin": bins.place,
    }  # fmt: skip
    return Drawing(
        WIDTH + 48, HEIGHT + 20, shapes, values, "Loss",
        f"{selected}{count(len(session.data))} samples · cross-entropy · log–log", tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _height(counts: Any) -> Any:
    return np.log10(1 + np.asarray(counts, np.float64))


def matrix_out(matrix: ConfusionMatrix) -> TakeOut:
    """Return the button that takes the matrix out."""
    session = matrix.session
    sides = lambda: f"{matrix.confusion.row.column} {matrix.confusion.column.column}"  # noqa: E731
    name = stem(session, "confusion", sides)
    return TakeOut(
        session, "take the matrix out", figure_downloads(name, lambda: matrix_figure(matrix)), **NARROW
    )


def matrix_figure(matrix: ConfusionMatrix) -> Drawing:
    """Draw the matrix that is shown, with the pictures in its cells, the names of its sides and the selected."""
    session, shown, norm = matrix.session, matrix.confusion, matrix.norm
    tokens = TOKENS[session.theme]
    rows, columns = shown.counts.shape
    wide, high = columns * CELL, rows * CELL
    chosen = shown.count(session.state.mask)
    names = [
        [matrix.text(side, group) for group in groups]
        for side, groups in ((shown.row, shown.rows), (shown.column, shown.columns))
    ]
    shapes = [*_shades(shown.shade(norm), tokens), *_pictures(matrix, wide, high, tokens["ink"])]
    for row, column in zip(*np.nonzero(chosen), strict=True):
        share = chosen[row, column] / shown.counts[row, column]
        at = BESIDE + CELL * (column + 0.05), CELL * (row + 0.9) - 1
        shapes.append(Rect(*at, CELL * max(LEAST - 0.05, 0.9 * share), CELL / 10, tokens["accent"]))
    for row, word in enumerate(names[0]):
        shapes.append(Words(BESIDE - 6, CELL * (row + 0.5) + 4, word, 11, tokens["ink2"], "end"))
    for column, word in enumerate(names[1]):
        x = BESIDE + CELL * (column + 0.5)
        turned = {"anchor": "end", "turn": 45} if max(map(len, names[1])) > 2 else {"anchor": "middle"}
        shapes.append(Words(x, high + 14, word, 11, tokens["ink2"], **turned))
    told = [percent(e, 1) for e in shown.error] if shown.judged else [count(n) for n in shown.counts.sum(1)]
    for row, word in enumerate(told):
        shapes.append(Words(BESIDE + wide + 8, CELL * (row + 0.5) + 4, word, 11, tokens["ink2"]))
    caption = f"{shown.row.column} ↓ {shown.column.column} → · shade: {norm}"
    return Drawing(
        BESIDE + wide + 52, high + BELOW, shapes, _numbers(matrix, names, chosen), "Confusion",
        caption.replace("_", " "), tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _numbers(matrix: ConfusionMatrix, names: list[list[str]], chosen: Any) -> dict[str, Any]:
    shown, norm = matrix.confusion, matrix.norm
    return {
        "count": shown.counts, "row": names[0], "column": names[1],
        "row_of": shown.row.column, "column_of": shown.column.column,
        "shade": shown.shade(norm), "share": shown.shares(norm), "shade_of": norm, "selected": chosen,
        "row_error": shown.error, "sample": matrix.session.data.ids, "cell": shown.cell,
    }  # fmt: skip


def _shades(shade: Any, tokens: Any) -> list[Shape]:
    """Draw the shades in the steps that the page has."""
    found: list[Shape] = []
    for (row, column), share in np.ndenumerate(shade):
        if share:
            color = mix(tokens["line2"], tokens["surface"], min(int(share * 16), 15) / 15)
            found.append(Rect(BESIDE + CELL * column, CELL * row, CELL, CELL, color))
    return found


def _pictures(matrix: ConfusionMatrix, wide: float, high: float, ink: str) -> list[Shape]:
    if not matrix.session.data.pictured:
        return []
    sheet = matrix.sheet()
    if sheet.ndim == 2:  # how much ink there is
        colored = np.broadcast_to(rgb(ink), (*sheet.shape, 3))
        sheet = np.dstack([colored, sheet]).astype(np.uint8)
    return [Raster(BESIDE, 0, wide, high, sheet)]
