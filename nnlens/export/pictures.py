"""Pictures as files that other programs show and edit, each with the values that it was drawn from."""

from __future__ import annotations

import base64
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nnlens.export.words import member_namer, one_line

INK, PAPER = "#14181F", "#FFFFFF"
TITLE, CAPTION, NAME = 13, 11, 11
"""Heights of letters, in pixels of the picture as it is shown."""
MARGIN, HEAD = 12, 40
LEAST = 224
"""Pixels a side that a small picture is enlarged to, each pixel to a whole number of them."""
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can tell: the same pictures give the same bytes."""


@dataclass(frozen=True)
class Label:
    """A word in a picture: where its middle is, in pixels from the left and the top."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Picture:
    """Pixels, the words around them, and the values that they show.

    Attributes
    ----------
    pixels : ndarray of uint8, dims (y, x), (y, x, 1) or (y, x, channel)
        Of one, three or four channels.
    title, caption : str
        Stand above; nothing stands there where both are empty.
    labels : sequence of Label
        Stand on it.
    values : mapping of str to ndarray
        What it was drawn from, for `npz`.
    ink, paper : str
        Colors of words and of what is around, as ``#rrggbb``.
    scale : float
        Pixels of the picture to one as it is shown: 2 for a sharp one.
    """

    pixels: NDArray[np.uint8]
    title: str = ""
    caption: str = ""
    labels: Sequence[Label] = ()
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    ink: str = INK
    paper: str = PAPER
    scale: float = 1

    def png(self) -> bytes:
        """Draw it as PNG: the pixels as they are where no words belong to it."""
        image = self._image()
        if not self._worded:
            return as_png(image)
        margin, head = round(MARGIN * self.scale), round(HEAD * self.scale)
        page = Image.new("RGB", (image.width + 2 * margin, image.height + head + margin), self.paper)
        page.paste(image, (margin, head), image if image.mode == "RGBA" else None)
        draw = ImageDraw.Draw(page)
        draw.text(
            (margin, round(6 * self.scale)), one_line(self.title or " "), self.ink, font(TITLE * self.scale)
        )
        if self.caption:
            draw.text(
                (margin, round(23 * self.scale)),
                one_line(self.caption),
                self.ink,
                font(CAPTION * self.scale),
            )
        for label in self.labels:
            self._draw_label(draw, label, margin, head)
        return as_png(page)

    def svg(self) -> bytes:
        """Write it as SVG: the pixels as one picture inside, the words as text that can be edited."""
        image, scale = self._image(), self.scale
        width, height = image.width / scale, image.height / scale
        left, top = (MARGIN, HEAD) if self._worded else (0, 0)
        page = f'width="{width + 2 * left:g}" height="{height + top + left:g}"'
        inside = base64.b64encode(as_png(image)).decode()
        words = [_text(left, 19, self.title, TITLE, "bold", self.ink, "start")] if self.title else []
        words += [_text(left, 34, self.caption, CAPTION, "normal", self.ink, "start")] if self.caption else []
        words += [
            _text(
                left + each.x / scale,
                top + each.y / scale + 4,
                each.text,
                NAME,
                "bold",
                self.ink,
                "middle",
                self.paper,
            )
            for each in self.labels
        ]
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {page}>',
                f'<rect width="100%" height="100%" fill="{self.paper}"/>' if self._worded else "",
                (
                    f'<image x="{left}" y="{top}" width="{width:g}" height="{height:g}" '
                    f' style="image-rendering:pixelated" href="data:image/png;base64,{inside}"/>'
                ),
                *words,
                "</svg>\n",
            ]
        ).encode()

    def npz(self) -> bytes:
        """Write the values, with the pixels as ``picture``."""
        return npz({"picture": self.pixels, **self.values})

    @property
    def _worded(self) -> bool:
        return bool(self.title or self.caption or self.labels)

    def _image(self) -> Image.Image:
        """Return the pixels, small ones enlarged by a whole factor."""
        pixels = self.pixels[..., 0] if self.pixels.ndim == 3 and self.pixels.shape[-1] == 1 else self.pixels
        factor = max(LEAST // max(*pixels.shape[:2], 1), 1) if self._worded else 1
        return Image.fromarray(np.ascontiguousarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)))

    def _draw_label(self, draw: ImageDraw.ImageDraw, label: Label, left: int, top: int) -> None:
        draw.text(
            (left + label.x, top + label.y),
            one_line(label.text),
            self.ink,
            font(NAME * self.scale),
            anchor="mm",
            stroke_width=max(round(2 * self.scale), 1),
            stroke_fill=self.paper,
        )


def _text(
    x: float, y: float, text: str, size: int, weight: str, ink: str, anchor: str, halo: str = ""
) -> str:
    edge = f' stroke="{halo}" stroke-width="4" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-family="sans-serif" font-size="{size}" font-weight={quoteattr(weight)}'
        f' fill="{ink}" text-anchor="{anchor}"{edge}>{escape(one_line(text))}</text>'
    )


def font(size: float) -> Any:
    """Return a font; that of matplotlib where it is installed, for it knows more scripts than Pillow's own."""
    found = importlib.util.find_spec("matplotlib")
    if found and found.origin:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


def as_png(image: Image.Image) -> bytes:
    """Write an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def npz(arrays: Mapping[str, Any]) -> bytes:
    """Write arrays as a compressed ``.npz`` that holds nothing but numbers and texts: no objects, so no code."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{name: _plain(value) for name, value in arrays.items()})
    return buffer.getvalue()


def _plain(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.str_) if array.dtype.kind in "OT" else array


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Put files into one zip; what is a picture or packed already is not packed again. Equal files give equal bytes.

    Their names become what every system can unpack, whatever they are: see `nnlens.export.words.member_namer`.
    """
    buffer, named = io.BytesIO(), member_namer()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            packed = name.endswith((".png", ".npz", ".zip", ".parquet"))
            info = zipfile.ZipInfo(named(name), FIRST_DATE)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
