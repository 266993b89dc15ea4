"""Figures of shapes and words, as SVG that can be edited and as the same in pixels, with the values behind them.

::

    Drawing(200, 40, [Rect(0, 0, 100, 20, "#9AA4B0"), Words(104, 14, "half")], title="Shares").svg()
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nnlens.export.pictures import CAPTION, HEAD, INK, MARGIN, PAPER, TITLE, as_png, font, npz
from nnlens.export.words import one_line

SHARPNESS = 2
"""Pixels of the PNG to one of the drawing."""
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


class Takeable(Protocol):
    """What can leave as a picture, with its values."""

    def png(self) -> bytes:
        """Draw it in pixels."""

    def svg(self) -> bytes:
        """Draw it as shapes and words."""

    def npz(self) -> bytes:
        """Write what it was drawn from."""


@dataclass(frozen=True)
class Sheet:
    """Pixels to draw on: where the drawing begins, and how many of them are one of it."""

    image: Image.Image
    left: float
    top: float
    scale: float

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """What draws."""
        return ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Find a place of the drawing."""
        return self.scale * (x + self.left), self.scale * (y + self.top)


@dataclass(frozen=True)
class Rect:
    """A box; without a color for its inside it is a frame."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    line: str = ""

    def svg(self) -> str:
        """Write it."""
        return (
            f'<rect x="{self.x:.5g}" y="{self.y:.5g}" width="{self.width:.5g}" height="{self.height:.5g}"'
            f' fill="{self.fill or "none"}" stroke="{self.line or "none"}"/>'
        )

    def paint(self, sheet: Sheet) -> None:
        """Draw it in pixels."""
        (x, y), scale = sheet.at(self.x, self.y), sheet.scale
        right, low = x + scale * self.width - 1, y + scale * self.height - 1
        if right >= x and low >= y:
            width = max(round(scale), 1)
            sheet.pen.rectangle(
                (x, y, right, low), self.fill or None, self.line or None, width if self.line else 0
            )


@dataclass(frozen=True)
class Line:
    """A line from point to point."""

    points: Sequence[tuple[float, float]]
    color: str = INK
    width: float = 1

    def svg(self) -> str:
        """Write it."""
        points = " ".join(f"{x:.5g},{y:.5g}" for x, y in self.points)
        return (
            f'<polyline points="{points}" fill="none" stroke="{self.color}" stroke-width="{self.width:g}"/>'
        )

    def paint(self, sheet: Sheet) -> None:
        """Draw it in pixels."""
        points = [sheet.at(x, y) for x, y in self.points]
        sheet.pen.line(points, self.color, max(round(sheet.scale * self.width), 1))


@dataclass(frozen=True)
class Words:
    """A word or two; `y` is the line that letters stand on. `turn` is in degrees, against the clock."""

    x: float
    y: float
    text: str
    size: int = 11
    color: str = INK
    anchor: str = "start"
    bold: bool = False
    turn: int = 0

    def svg(self) -> str:
        """Write it."""
        turned = f' transform="rotate({-self.turn} {self.x:.5g} {self.y:.5g})"' if self.turn else ""
        weight = ' font-weight="bold"' if self.bold else ""
        return (
            f'<text x="{self.x:.5g}" y="{self.y:.5g}" font-family="sans-serif" font-size="{self.size}"'
            f' fill="{self.color}" text-anchor="{self.anchor}"{weight}{turned}>{escape(one_line(self.text))}</text>'
        )

    def paint(self, sheet: Sheet) -> None:
        """Draw it in pixels."""
        at, letters = sheet.at(self.x, self.y), font(self.size * sheet.scale)
        if not self.turn:
            sheet.pen.text(at, one_line(self.text), self.color, letters, anchor=ANCHORS[self.anchor])
            return
        reach = round(sheet.pen.textlength(one_line(self.text), letters) + 2 * self.size * sheet.scale)
        mask = Image.new("L", (2 * reach, 2 * reach))
        anchor = ANCHORS[self.anchor]
        ImageDraw.Draw(mask).text((reach, reach), one_line(self.text), 255, letters, anchor=anchor)
        turned = mask.rotate(self.turn, Image.Resampling.BICUBIC)
        sheet.image.paste(self.color, (round(at[0] - reach), round(at[1] - reach)), turned)


@dataclass(frozen=True, eq=False)
class Raster:
    """Pixels in a box, dims (y, x), (y, x, 1) or (y, x, channel) of three or four; each stays a square."""

    x: float
    y: float
    width: float
    height: float
    pixels: NDArray[np.uint8]

    def image(self) -> Image.Image:
        """Return the pixels as they are."""
        flat = self.pixels.ndim == 3 and self.pixels.shape[-1] == 1
        return Image.fromarray(np.ascontiguousarray(self.pixels[..., 0] if flat else self.pixels))

    def svg(self) -> str:
        """Write it."""
        return (
            f'<image x="{self.x:.5g}" y="{self.y:.5g}" width="{self.width:.5g}" height="{self.height:.5g}"'
            ' preserveAspectRatio="none" style="image-rendering:pixelated"'
            f' href="data:image/png;base64,{base64.b64encode(as_png(self.image())).decode()}"/>'
        )

    def paint(self, sheet: Sheet) -> None:
        """Draw it in pixels."""
        size = max(round(sheet.scale * self.width), 1), max(round(sheet.scale * self.height), 1)
        image = self.image()
        if image.size != size:
            fewer = image.width > size[0] or image.height > size[1]
            image = image.resize(size, Image.Resampling.BOX if fewer else Image.Resampling.NEAREST)
        x, y = sheet.at(self.x, self.y)
        sheet.image.paste(image, (round(x), round(y)), image if image.mode in ("RGBA", "LA") else None)


def fitted(pixels: NDArray[np.uint8], x: float, y: float, side: float) -> Raster:
    """Put pixels into the middle of a square, in their own proportions."""
    rows, columns = pixels.shape[:2]
    scale = side / max(rows, columns, 1)
    wide, high = columns * scale, rows * scale
    return Raster(x + (side - wide) / 2, y + (side - high) / 2, wide, high, pixels)


Shape = Rect | Line | Words | Raster


@dataclass(frozen=True)
class Drawing:
    """Shapes under a title.

    Attributes
    ----------
    width, height : float
        Of what is drawn, without title and margins.
    shapes : sequence of Shape
        Later ones lie above.
    values : mapping of str to ndarray
        What it was drawn from, for `npz`.
    title, caption : str
        Stand above.
    ink, paper : str
        Colors of the title and of the ground, as ``#rrggbb``.
    """

    width: float
    height: float
    shapes: Sequence[Shape] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    caption: str = ""
    ink: str = INK
    paper: str = PAPER

    def png(self, scale: float = SHARPNESS) -> bytes:
        """Draw it in pixels, twice as sharp as it is large."""
        width, height = self.width + 2 * MARGIN, self.height + self._top + MARGIN
        page = Image.new("RGB", (round(scale * width), round(scale * height)), self.paper)
        for shape in self._heading():
            shape.paint(Sheet(page, 0, 0, scale))
        for shape in self.shapes:
            shape.paint(Sheet(page, MARGIN, self._top, scale))
        return as_png(page)

    def svg(self) -> bytes:
        """Write it as SVG: shapes as shapes, words as text."""
        width, height = self.width + 2 * MARGIN, self.height + self._top + MARGIN
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}">',
            f'<rect width="100%" height="100%" fill="{self.paper}"/>',
            *(shape.svg() for shape in self._heading()),
            f'<g transform="translate({MARGIN} {self._top})">',
            *(shape.svg() for shape in self.shapes),
            "</g>",
            "</svg>\n",
        ]
        return "\n".join(lines).encode()

    def npz(self) -> bytes:
        """Write the values."""
        return npz(self.values)

    @property
    def _top(self) -> int:
        return HEAD if self.title or self.caption else MARGIN

    def _heading(self) -> list[Shape]:
        title = Words(MARGIN, 19, self.title, TITLE, self.ink, bold=True)
        caption = Words(MARGIN, 34, self.caption, CAPTION, self.ink)
        return [words for words in (title, caption) if words.text]
