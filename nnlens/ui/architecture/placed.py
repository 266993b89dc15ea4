"""What a layout takes and gives: sizes of boxes, and where boxes and lines are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """What a box asks for.

    Attributes
    ----------
    key : str
    width, height : float
        Of its face, in pixels.
    over : float
        How far its sheets stand out to the right and to the top.
    label : float
        Width of the words below it.
    """

    key: str
    width: float
    height: float
    over: float = 0.0
    label: float = 0.0


@dataclass(frozen=True)
class Box:
    """Where a box stands: the middle of its face, and what it takes.

    Attributes
    ----------
    key : str
    x, y : float
    width, height : float
    over : float
    column : int
    room : float
        Width of its column with half of the gaps at its sides: what its label may take.
    """

    key: str
    x: float
    y: float
    width: float
    height: float
    over: float
    column: int
    room: float

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, sheets included."""
        return (
            self.x - self.width / 2,
            self.y - self.height / 2 - self.over,
            self.x + self.width / 2 + self.over,
            self.y + self.height / 2,
        )


@dataclass(frozen=True)
class Line:
    """A connection: from a box, along the points, to a box; between points of different height it bends.

    Attributes
    ----------
    source, end : str
    points : tuple of (float, float)
    """

    source: str
    end: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Everything at its place.

    Attributes
    ----------
    width : float
        Pixels that it likes to have. Only the columns move apart, or together.
    least : float
        Pixels under which boxes would meet.
    boxes : mapping of str to Box
    lines : tuple of Line
    """

    width: float
    least: float
    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
