"""Every sample by its loss and another number of it: where it lies, what a box takes, and the picture of all of them.

No plot and no page here. Classes stand side by side, and the samples of one are spread the wider the more of them share
a loss, so that the outline tells how many there are. The run alone decides where each lies, so that a box drawn over
them finds the same samples again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.state import Extent, Mask
from nnlens.ui.core import raster
from nnlens.ui.core.data import RunData
from nnlens.ui.core.projection import Floats
from nnlens.ui.core.raster import NO_VALUE, Bytes
from nnlens.ui.core.record import confidences, margins
from nnlens.ui.core.regions import in_box
from nnlens.ui.look.palette import STEPS, TOKENS, ClassColors, Theme, class_loss_palette, class_loss_steps
from nnlens.ui.look.text import plain
from nnlens.ui.panels.histogram import LOWEST

KIND = "plane"
"""Of the origin of a selection: a box in the plane of a column and the power of ten of the loss."""
CLASSES = ("label", "prediction")
OF_LOGITS = {
    "confidence": lambda data: confidences(data.logit),
    "margin": lambda data: margins(data.logit, data.label),
}
"""Columns that the run does not hold but its logits tell; a result's column of the same name gives way."""
GOLDEN = (5**0.5 - 1) / 2
"""Its multiples fill any interval evenly, whichever positions a class has."""
SPREAD, LEAST = 0.84, 0.06
"""Width of a class where most of its samples are, and where there is but one; the next class is 1 away."""
SLICES = 48
"""Slices of the loss in which the samples of a class are counted."""
NAMED = 24
"""Classes with a name below them; of more only some have one."""
MARGIN = 0.06
"""Room around the samples, as a share of either side."""


def columns(data: RunData) -> list[str]:
    """List what can stand across: classes, what logits tell, the order of the samples, numbers that results brought."""
    own = [*CLASSES, *(OF_LOGITS if data.logit is not None else ()), "id"]
    return [
        *own,
        *(name for name, values in data.extras.items() if name not in own and values.dtype.kind in "fiub"),
    ]


def values(data: RunData, column: str) -> Floats:
    """Return a column as numbers, dims (sample,); NaN where a sample has none."""
    if column in OF_LOGITS:
        return data.once(f"{column} of all", OF_LOGITS[column])
    found = np.asarray(data.column(column), np.float32)
    return np.where(found < 0, np.nan, found) if column in CLASSES else found


@dataclass(frozen=True, eq=False)
class Spread:
    """The samples of a run in the plane of a column and their loss.

    Attributes
    ----------
    data : RunData
    column : str
        What stands across.
    x, y : ndarray, dims (sample,), float32
        The column, of classes spread over their width; the power of ten of the loss. NaN where there is none.
    positions : ndarray of int
        The samples that have both.
    view : tuple of float
        The range of both with some room: ``x0, y0, x1, y1``.
    """

    data: RunData
    column: str
    x: Floats
    y: Floats
    positions: NDArray[np.intp]
    view: Extent

    @classmethod
    def of(cls, data: RunData, column: str) -> Spread:
        """Place the samples of a run."""
        x, y = values(data, column), data.once("powers of the loss", powers)
        if column in CLASSES:
            x = data.once(f"spread of {column}", lambda _: spread_out(x, y))
        there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        whole = column in CLASSES
        edges = (-0.5, len(data.class_names) - 0.5) if whole else _ends(x[there])
        low, high = _ends(y[there])
        return cls(data, column, x, y, there, (edges[0], low, edges[1], high))

    @property
    def left_out(self) -> int:
        """How many samples lack a loss or the column."""
        return len(self.data) - len(self.positions)

    def words(self) -> Mapping[float, str]:
        """Name the classes across; nothing where it is a number, whose ticks a plot finds itself."""
        if self.column not in CLASSES:
            return {}
        names = self.data.class_names
        step = -(-len(names) // NAMED)
        return {float(code): plain(names[code], 12) for code in range(0, len(names), step)}

    def inside(self, box: Extent) -> Mask:
        """Tell which samples lie in a box, dims (sample,)."""
        return in_box(self.x, self.y, box)

    def origin(self, box: Extent) -> dict[str, Any]:
        """Describe what `inside` finds, so that it can be selected again."""
        return {"kind": KIND, "variable": self.column, "box": [float(end) for end in box]}

    def nearest(self, x: float, y: float, size: tuple[int, int], within: float) -> int | None:
        """Find the id of the sample nearest to a place, at most so many pixels away."""
        if not len(self.positions):
            return None
        x0, y0, x1, y1 = self.view
        dx = (self.x[self.positions] - np.float32(x)) * np.float32(size[0] / (x1 - x0))
        dy = (self.y[self.positions] - np.float32(y)) * np.float32(size[1] / (y1 - y0))
        squares = dx * dx + dy * dy
        best = int(squares.argmin())
        return int(self.data.ids[self.positions[best]]) if squares[best] <= within**2 else None

    def place(self, sample: int | None) -> tuple[float, float] | None:
        """Find where a sample lies; None where it does not."""
        at = self.data.position(sample)
        there = at is not None and np.isfinite(self.x[at]) and np.isfinite(self.y[at])
        return (float(self.x[at]), float(self.y[at])) if there else None

    def pixels(self, colors: ClassColors, mask: Mask | None, size: tuple[int, int]) -> Bytes:
        """Draw all samples, dims (y, x): places in `palette`, the lowest row first; the selected lie on top."""
        at = self.positions
        steps = class_loss_steps(colors.slots(self.data.label[at]), self.data.steps("loss")[at])
        chosen = np.zeros(len(at), bool) if mask is None else mask[at]
        return raster.value_image(self.x[at], self.y[at], steps, chosen, self.view, *size)


def palette(theme: Theme, samples: int, selected: bool) -> list[str]:
    """List the colors of `Spread.pixels`: of label and loss, weak where others are selected, and the selected's own."""
    whole = class_loss_palette(theme, samples)
    weak, full = whole[1 : 1 + STEPS], whole[1 + STEPS : NO_VALUE]
    return [whole[0], *(weak if selected else full), *[TOKENS[theme]["accent"]] * STEPS, whole[NO_VALUE]]


def spread_out(x: Floats, y: Floats) -> Floats:
    """Move samples sideways within their class, the farther the more of it have about their loss, dims (sample,)."""
    there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(there):
        return x
    codes, height = x[there].astype(np.intp), y[there].astype(np.float64)
    low, high = height.min(), height.max()
    at = (height - low) / max(high - low, 1e-9) * (SLICES - 1)
    below = np.minimum(at.astype(np.intp), SLICES - 2)
    share = at - below
    counts = np.zeros((int(codes.max()) + 1, SLICES))
    np.add.at(counts, (codes, below), 1 - share)
    np.add.at(counts, (codes, below + 1), share)
    widths = LEAST + (SPREAD - LEAST) * counts / np.maximum(counts.max(axis=1, keepdims=True), 1)
    own = (1 - share) * widths[codes, below] + share * widths[codes, below + 1]
    moved = x.astype(np.float64)
    moved[there] += own * (np.arange(len(there)) * GOLDEN % 1 - 0.5)
    return moved.astype(np.float32)


def powers(data: RunData) -> Floats:
    """Return the power of ten of each loss, dims (sample,), as the histogram has it; NaN without a loss."""
    loss = np.asarray(data.loss, np.float64)
    there = np.isfinite(loss) & (loss >= 0)
    return np.where(there, np.log10(np.maximum(np.where(there, loss, 1), 10**LOWEST)), np.nan).astype(
        np.float32
    )


def resolve(data: RunData, origin: Mapping[str, Any]) -> Mask | None:
    """Find the samples of a box again; None while the run does not have the column."""
    column = str(origin.get("variable", ""))
    x0, y0, x1, y1 = (float(end) for end in origin["box"])
    return Spread.of(data, column).inside((x0, y0, x1, y1)) if column in columns(data) else None


def _ends(numbers: Floats) -> tuple[float, float]:
    """Return the range of numbers, a little wider; 0 to 1 where there are none."""
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 1.0)
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room
