"""What a map shows, as arrays: pixels of many samples, dots of some, pictures of a few, and the names of the classes.

No plot and no page here: given a projection, the state and a mask, it answers with the columns of sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlens.state import FRONT, Extent, Mask, Turn
from nnlens.ui.core import raster
from nnlens.ui.core.data import CLASS_LOSS, RunData
from nnlens.ui.core.projection import Positions, Projection
from nnlens.ui.core.raster import NO_VALUE, Bytes
from nnlens.ui.core.regions import in_box
from nnlens.ui.core.turning import turned
from nnlens.ui.look.palette import (
    LEVELS,
    STEPS,
    ClassColors,
    Theme,
    class_loss_palette,
    class_loss_steps,
    class_palette,
    value_palette,
)
from nnlens.ui.maps.naming import apart, classes_in, peaks, short
from nnlens.ui.maps.room import dot_sizes, uncovered

Mode = Literal["pixels", "dots", "pictures"]
Columns = dict[str, Any]
Some = Positions | slice
ALL = slice(None)
"""All rows: taken so, a million of them are not copied at every brush."""
DOTS = 3_000
"""With fewer samples in view each becomes a dot of its own."""
PICTURES = 200
"""With fewer in view each becomes its picture."""
FEW = 300
"""A selection smaller than this is drawn once more above all others."""


class Scene:
    """The samples of one map under one view.

    Parameters
    ----------
    data : RunData
    colors : ClassColors

    Attributes
    ----------
    view : tuple of float
        What is in view, in the coordinates of the projection: ``x0, y0, x1, y1``.
    width, height : int
        Pixels that it is drawn on; a guess until `sized`, so no picture is made and sent in vain.
    mode : {"pixels", "dots", "pictures"}
        How samples are drawn; the fewer are in view, the more of each is shown.
    solid : Projection or None
        What `projection` is turned from.
    turn : tuple of float
        How far.
    """

    def __init__(self, data: RunData, colors: ClassColors) -> None:
        self.data = data
        self.colors = colors
        self.projection: Projection | None = None
        self.solid: Projection | None = None
        self.turn: Turn = FRONT
        self.by = "label"
        self.visible: Sequence[int] | None = None
        self.view: Extent = (-1.0, -1.0, 1.0, 1.0)
        self.width, self.height = 400, 400
        self.sized = False
        self.mode: Mode = "pixels"
        self._kept: Positions = np.zeros(0, np.intp)
        self._inside: Positions = self._kept
        self._named: list[tuple[int, float, float]] | None = None

    def __len__(self) -> int:
        """How many samples are in view."""
        return len(self._inside)

    @property
    def by_class(self) -> bool:
        """Whether color tells a class rather than a number."""
        return self.by in ("label", "prediction")

    @property
    def classes(self) -> NDArray[np.int32]:
        """The classes that names and toggles go by, dims (sample,): of the coloring variable, else the labels."""
        return self.data.prediction if self.by == "prediction" else self.data.label

    def show(self, projection: Projection | None, by: str, visible: Sequence[int] | None) -> None:
        """Set what is drawn and how it is colored."""
        self.projection, self.by, self.visible = projection, by, visible
        if projection is None:
            self._kept = np.zeros(0, np.intp)
        elif visible is None:
            self._kept = np.arange(len(projection.positions))
        else:
            self._kept = np.flatnonzero(np.isin(self.classes[projection.positions], visible))
        self.look(self.view, self.width, self.height)

    @property
    def turns(self) -> bool:
        """Whether there is a third component to turn into view."""
        return self.solid is not None and self.solid.z is not None

    def take(self, projection: Projection | None, turn: Turn) -> None:
        """Take another projection, seen from where `turn` says."""
        self.solid, self.turn = projection, turn
        # the rows of the one before may be more than there are now
        self.show(None if projection is None else turned(projection, turn), self.by, self.visible)

    def rotate(self, turn: Turn) -> None:
        """See the same from elsewhere."""
        self.take(self.solid, turn)

    def look(self, view: Extent, width: int, height: int) -> None:
        """Set what is in view, and on how many pixels."""
        self.view, self.width, self.height = view, width, height
        self._inside = self._within(view)
        self._named = None
        few = self.data.pictured and 0 < len(self) < PICTURES
        self.mode = "pictures" if few else "dots" if len(self) < DOTS else "pixels"

    def _within(self, view: Extent) -> Positions:
        """Rows of the projection that are shown and lie in a box."""
        if self.projection is None:
            return self._kept
        x, y = self.projection.x[self._kept], self.projection.y[self._kept]
        return self._kept[(x >= view[0]) & (x <= view[2]) & (y >= view[1]) & (y <= view[3])]

    def holds(self, view: Extent) -> bool:
        """Whether anything of the projection lies in a view, shown or not."""
        there = self.projection
        return there is not None and bool(in_box(there.x, there.y, view).any())

    @property
    def positions(self) -> Positions:
        """Positions in the run of the samples in view."""
        return self._of(self._inside)

    def _of(self, rows: Positions) -> Positions:
        return rows if self.projection is None else self.projection.positions[rows]

    def rows(self) -> Positions:
        """Rows of the projection that are shown, in view or not."""
        return self._kept

    def unit(self) -> float:
        """How much of the map's own coordinates a pixel is."""
        return (self.view[2] - self.view[0]) / max(self.width, 1)

    # --- what is drawn -------------------------------------------------------------------------------------------
    def pixels(self, mask: Mask | None) -> Bytes:
        """Draw the picture of the map, dims (y, x), lowest row first; empty where dots or pictures stand for it."""
        if self.mode != "pixels" or self.projection is None or not self.sized:
            return np.zeros((1, 1), np.uint8)
        rows: Some = ALL if len(self) == len(self.projection.x) else self._inside
        positions: Some = ALL if rows is ALL and self.projection.in_order else self.positions
        x, y = self.projection.x[rows], self.projection.y[rows]
        chosen = None if mask is None else mask[positions]
        where = (self.view, self.width, self.height)
        if self.by_class:
            near = None if self.projection.z is None else self.projection.z[rows]
            return raster.class_image(x, y, self.tint(positions), chosen, *where, near)
        return raster.value_image(x, y, self.tint(positions), chosen, *where)

    def dots(self, mask: Mask | None) -> Columns:
        """Place a dot for each sample in view, or for those without room for a picture; the selected lie on top.

        Of a body the near ones lie above the far ones, and are larger.
        """
        rows = self._inside if self.mode == "dots" else self._inside[:0]
        if self.mode == "pictures":
            rows = np.setdiff1d(self._inside, self._pictured(mask))
        depth = None if self.projection is None else self.projection.z
        if depth is not None:
            rows = rows[np.argsort(depth[rows], kind="stable")]
        if mask is not None:
            rows = rows[np.argsort(mask[self._of(rows)], kind="stable")]
        return {**self._columns(rows, mask), "size": dot_sizes(rows, depth, self.dot_size())}

    def few(self, mask: Mask | None) -> Columns:
        """Place the samples of a small selection, which get an edge of their own."""
        rows = self._inside[:0]
        if mask is not None and self.mode != "pictures" and np.count_nonzero(mask) < FEW:
            rows = self._inside[mask[self.positions]]
        return self._columns(rows, mask)

    def pictures(self, mask: Mask | None) -> Columns:
        """Place pictures of samples in view: ``sample`` ids, and how much each stands out."""
        rows = self._pictured(mask) if self.mode == "pictures" else self._inside[:0]
        chosen = np.ones(len(rows), bool) if mask is None else mask[self._of(rows)]
        more = {"sample": self.data.ids[self._of(rows)], "alpha": np.where(chosen, 1.0, 0.35)}
        return {**self._columns(rows, mask), **more}

    def _pictured(self, mask: Mask | None) -> Positions:
        """Choose the samples whose pictures do not cover each other: the selected first, then the worst."""
        if self.projection is None:
            return self._inside
        positions = self.positions
        chosen = np.zeros(len(positions), bool) if mask is None else mask[positions]
        order = self._inside[np.lexsort((-self.data.loss[positions], ~chosen))]
        x, y, room = (
            self.projection.x[order],
            self.projection.y[order],
            (self.picture_side() + 6) * self.unit(),
        )
        return order[uncovered(x, y, room)]

    def picture_side(self) -> int:
        """Choose how large pictures are drawn: so that they fill half of the map, between 20 and 64 pixels."""
        share = np.sqrt(0.5 * self.width * self.height / max(len(self), 1))
        return int(np.clip(share, 20, 64)) // 4 * 4

    def dot_size(self) -> float:
        """Choose how large dots are drawn, in pixels."""
        return 5.0 if len(self) > 1500 else 6.0 if len(self) > 500 else 7.0

    def place(self, sample: int | None) -> tuple[float, float] | None:
        """Find a sample on the map; None where it is not there."""
        position = self.data.position(sample)
        if position is None or self.projection is None:
            return None
        row = int(self.projection.row[position])
        return None if row < 0 else (float(self.projection.x[row]), float(self.projection.y[row]))

    def nearest(self, x: float, y: float, within: float = np.inf) -> int | None:
        """Find the id of the sample nearest to a place, at most so many pixels away.

        All distances of 60,000 take a tenth of a millisecond, less than keeping a tree that knows what is hidden.
        """
        if self.projection is None or not len(self):
            return None
        dx = self.projection.x[self._inside] - np.float32(x)
        dy = self.projection.y[self._inside] - np.float32(y)
        squares = dx * dx + dy * dy
        best = int(squares.argmin())
        if float(squares[best]) > (within * self.unit()) ** 2:
            return None
        return int(self.data.ids[self.positions[best]])

    def tint(self, positions: Some) -> Bytes:
        """Find the color of samples: slots of classes, steps of a number, or of the loss within a class."""
        if not self.by_class and self.by != CLASS_LOSS:
            return self.data.steps(self.by)[positions]
        slots = self.colors.slots(self.classes[positions])
        return slots if self.by_class else class_loss_steps(slots, self.data.steps("loss")[positions])

    def palette(self, theme: Theme) -> tuple[str, ...]:
        """Choose the palette that `pixels` and the places of dots are meant for."""
        make = (
            class_palette if self.by_class else class_loss_palette if self.by == CLASS_LOSS else value_palette
        )
        return make(theme, len(self.data))

    def _columns(self, rows: Positions, mask: Mask | None) -> Columns:
        """Give coordinates and palette places of rows."""
        if self.projection is None:
            nothing = np.zeros(0, np.float32)
            return {"x": nothing, "y": nothing, "place": nothing.astype(np.uint8)}
        positions = self._of(rows)
        chosen = np.ones(len(rows), bool) if mask is None else mask[positions]
        tint = self.tint(positions).astype(np.int16)
        if self.by_class:
            place = 1 + (2 * tint + chosen) * LEVELS + LEVELS - 1
        else:
            place = np.where(tint == 0, NO_VALUE, tint + STEPS * chosen)
        return {"x": self.projection.x[rows], "y": self.projection.y[rows], "place": place.astype(np.uint8)}

    def names(self, mask: Mask | None) -> Columns:
        """Place the names of the classes where they are densest in view; those in the selection are ``strong``."""
        if self._named is None:
            self._named = self._name()
        chosen = set() if mask is None else classes_in(self.classes, mask)
        return {
            "x": [x for _, x, _ in self._named],
            "y": [y for _, _, y in self._named],
            "text": [short(self.data.class_name(code)) for code, _, _ in self._named],
            "strong": [code in chosen for code, _, _ in self._named],
        }

    def _name(self) -> list[tuple[int, float, float]]:
        if self.projection is None or not self.sized:
            return []
        x, y = self.projection.x[self._inside], self.projection.y[self._inside]
        found = peaks(x, y, self.classes[self.positions], self.view)
        return apart(found, [short(self.data.class_name(code)) for code, _, _ in found], self.unit())
