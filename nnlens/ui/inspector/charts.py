"""Small lines: a waveform, a curve with a few others; drawn as markup, so that a dozen cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

from nnlens.ui.look.text import fill, joined

WIDTH, HEIGHT = 200, 40
"""Of the drawing, in its own units; the page stretches it."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line.

    Attributes
    ----------
    values : array_like, dims (step,)
        NaN is a gap.
    kind : str
        Class of the style sheet.
    """

    values: ArrayLike
    kind: str = ""


def lines(drawn: Sequence[Line], words: str, kind: str = "") -> Markup:
    """Draw lines over one another on one scale; the first lies on top.

    Parameters
    ----------
    drawn : sequence of Line
    words : str
        What a screen reader says, and the tooltip.
    kind : str
        Class of the style sheet.
    """
    arrays = [np.asarray(line.values, float) for line in drawn]
    finite = np.concatenate([array[np.isfinite(array)] for array in arrays] or [np.zeros(1)])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return fill(
        '<svg class="lines {kind}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        'aria-label="{words}"><title>{words}</title>{paths}</svg>',
        kind=kind,
        width=WIDTH,
        height=HEIGHT,
        words=words,
        paths=joined(
            fill('<path class="{kind}" d="{d}"></path>', kind=line.kind, d=path(array, low, high))
            for line, array in reversed(list(zip(drawn, arrays, strict=True)))
        ),
    )


def path(values: NDArray[np.float64], low: float, high: float) -> str:
    """Write a line as a path from one edge of the drawing to the other, its steps evenly spread."""
    x = np.linspace(0, WIDTH, len(values)) if len(values) > 1 else np.array([WIDTH / 2])
    y = 1 + (HEIGHT - 2) * (1 - (values - low) / ((high - low) or 1.0))
    there = np.isfinite(values)
    starts = there & ~np.concatenate([[False], there[:-1]])
    pieces = (
        f"{'M' if s else 'L'}{a:.1f} {b:.1f}"
        for a, b, s in zip(x[there], y[there], starts[there], strict=True)
    )
    return "".join(pieces)
