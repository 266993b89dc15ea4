"""From the bytes of an image file to pixels, as the programs that train classifiers do it.

Only formats of pixels are tried: Pillow runs another program for PostScript, and SVG can name other files.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nnlens.errors import SamplesError

FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
LARGEST = 89_478_485
"""Pixels; above, Pillow itself calls a file a decompression bomb."""
GREY = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F"})
"""Modes of pictures without color."""
DEEP = frozenset({"I;16", "I;16B", "I;16L", "I"})
"""Modes of more than eight bits, which hold 0 to 65,535."""
TURNED = frozenset({5, 6, 7, 8})
"""Values of EXIF's orientation that swap height and width."""
ORIENTATION, WIDTH, HEIGHT = 0x0112, 0x0100, 0x0101
"""Tags of EXIF and TIFF."""

FAILURES = (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError)
"""What Pillow raises for files that are damaged."""


@dataclass(frozen=True)
class Header:
    """What a file says of its picture before it is decoded.

    Attributes
    ----------
    height, width : int
        As it is shown, turned as its EXIF data say.
    channels : {1, 3}
    """

    height: int
    width: int
    channels: Literal[1, 3]


def read_header(path: Path) -> Header:
    """Read the size of a picture without decoding it.

    Raises
    ------
    SamplesError
        If it is no picture, of another format, or too large; in a few words, without its place.
    """
    try:
        with _opened(path) as picture:
            width, height = picture.size
            if width * height > LARGEST:
                raise SamplesError(f"has {width * height / 1e6:,.0f} megapixels")
            turned, grey = _is_turned(picture), picture.mode in GREY
    except UnidentifiedImageError as error:
        raise SamplesError(_what_instead(path)) from error
    except FAILURES as error:
        raise SamplesError("cannot be read") from error
    return Header(*((width, height) if turned else (height, width)), 1 if grey else 3)


def decode(path: Path, channels: int) -> NDArray[np.uint8]:
    """Decode a picture, dims (y, x, channel).

    Of several frames the first is taken, turned as EXIF says. Transparency is dropped as torchvision and Keras drop it;
    16 bits become the upper 8.

    Parameters
    ----------
    path : Path
    channels : {1, 3}

    Raises
    ------
    SamplesError
        If it is damaged; in a few words, without its place.
    """
    try:
        with _opened(path) as picture:
            if picture.width * picture.height > LARGEST:
                raise SamplesError(f"has {picture.width * picture.height / 1e6:,.0f} megapixels")
            pixels = np.asarray(_converted(eight_bits(_upright(picture)), "L" if channels == 1 else "RGB"))
    except UnidentifiedImageError as error:
        raise SamplesError(_what_instead(path)) from error
    except FAILURES as error:
        raise SamplesError("is damaged or cut off") from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _is_turned(picture: Image.Image) -> bool:
    """Whether the picture is shown with height and width swapped."""
    # of a PNG without EXIF before its pixels Pillow would decode all of it to look behind them
    if picture.format == "PNG" and "exif" not in picture.info:
        return False
    turned = picture.getexif().get(ORIENTATION) in TURNED
    # of a TIFF Pillow tells the size as it is shown, of other formats as it is stored
    shown = picture.format == "TIFF" and picture.size != (
        picture.getexif().get(WIDTH),
        picture.getexif().get(HEIGHT),
    )
    return turned and not shown


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as EXIF says; Pillow itself would copy all others."""
    picture.load()  # what EXIF says may stand behind the pixels
    if picture.getexif().get(ORIENTATION, 1) == 1:
        return picture
    return ImageOps.exif_transpose(picture)


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    """Convert a picture, without a copy where it has the mode already."""
    return picture if picture.mode == mode else picture.convert(mode)


def _opened(path: Path) -> Any:
    if not path.is_file():  # a table may name a pipe, for which Pillow would wait for ever
        raise FileNotFoundError(path.name)
    return Image.open(path, formats=FORMATS)


@contextmanager
def unwarned() -> Iterator[None]:
    """Keep Pillow's warnings from the user: the size is checked here, and odd EXIF data and palettes harm nobody.

    For the one thread that starts others: Python's filters belong to the whole process, and two threads that set and
    restore them leave them in disorder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def eight_bits(picture: Image.Image) -> Image.Image:
    """Scale deep grey to eight bits: Pillow's own conversion cuts off at 255."""
    if picture.mode in DEEP:
        return Image.fromarray((np.asarray(picture).clip(0, 65_535).astype(np.uint16) >> 8).astype(np.uint8))
    if picture.mode == "F":
        values = np.asarray(picture)
        scale = 255.0 if values.max(initial=0) <= 1 else 1.0
        return Image.fromarray(np.nan_to_num(values * scale).clip(0, 255).astype(np.uint8))
    return picture


def _what_instead(path: Path) -> str:
    """Say in a few words what a file is that is no picture."""
    try:
        with path.open("rb") as file:
            head = file.read(256).lstrip().lower()
    except OSError:
        return "cannot be read"
    if not head:
        return "is empty"
    if b"<svg" in head or head.startswith(b"<?xml"):
        return "is SVG, a drawing and no picture"
    if head.startswith(b"%!ps"):
        return "is PostScript, a program and no picture"
    if head.startswith((b"<!doctype", b"<html")):
        return "is a web page"
    return "is no picture"
