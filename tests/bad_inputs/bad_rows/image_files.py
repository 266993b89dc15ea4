"""Rows 45 to 51: pictures of every kind."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bad_rows.making import Check, captured, pictures, refused
from bad_rows.row import Case, Row
from nnlens.errors import SamplesError

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
PROGRAM = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(trapped) (w) file closefile\n"


def shown(check: Check = lambda store: None) -> Case:
    return captured("zoo:digits", None, check, "data")


def saved(picture: Image.Image, name: str, **how: Any) -> None:
    Path("data/class").mkdir(parents=True, exist_ok=True)
    picture.save(Path("data/class", name), **how)


def in_mode(mode: str, name: str) -> Case:
    for number, pixels in enumerate(pictures(3)):
        saved(Image.fromarray(pixels).convert(mode), f"{number}{name}")

    def check(store: Any) -> None:
        assert store.committed == 3
        assert store.images([0]).dtype == np.uint8

    return shown(check)


def deep() -> Case:
    pixels = pictures(1)[0].astype(np.uint16) * 256 + 7
    saved(Image.fromarray(pixels), "deep.png")

    def check(store: Any) -> None:
        assert np.array_equal(store.images([0])[0, ..., 0], pixels >> 8)

    return shown(check)


def turned() -> Case:
    data = Image.Exif()
    data[0x0112] = 6
    saved(Image.fromarray(np.tile(np.arange(0, 240, 30, np.uint8), (4, 1))), "turned.png", exif=data)

    def check(store: Any) -> None:
        assert store.images([0]).shape[1:3] == (8, 4)

    return shown(check)


def mixed() -> Case:
    for side in (8, 20, 300):
        saved(Image.fromarray(pictures(1, side)[0]), f"{side}.png")

    def check(store: Any) -> None:
        assert store.committed == 3
        assert store.metadata["thumbnails"]

    return shown(check)


def axes(*order: int) -> Case:
    np.save("images.npy", np.repeat(pictures()[..., None], 3, axis=3).transpose(order))
    return refused("images.npy")


def content(data: bytes) -> Case:
    """Something else that is called .png, as the only file."""
    Path("data/class").mkdir(parents=True)
    Path("data/class/0.png").write_bytes(data)
    return refused("data")


def among_others(data: bytes) -> Case:
    """The same among pictures."""
    content(data)
    saved(Image.fromarray(pictures(1)[0]), "1.png")

    def check(store: Any) -> None:
        assert store.samples["path"].values.tolist() == ["class/1.png"]
        assert store.ids.tolist() == [1]

    return shown(check)


def animated() -> Case:
    frames = [Image.fromarray(pixels) for pixels in pictures(3)]
    saved(frames[0], "moving.gif", save_all=True, append_images=frames[1:])

    def check(store: Any) -> None:
        assert np.array_equal(store.images([0])[0, ..., 0], pictures(3)[0])

    return shown(check)


def cut() -> Case:
    """A picture that breaks off among others: its header is whole."""
    for number, pixels in enumerate(pictures(3, 40)):
        saved(Image.fromarray(pixels), f"{number}.png")
    data = Path("data/class/1.png").read_bytes()
    Path("data/class/1.png").write_bytes(data[: len(data) // 2])

    def check(store: Any) -> None:
        assert store.samples["prediction"].values.tolist()[1] == -1
        assert np.isnan(store.samples["logit"].values[1]).all()

    return shown(check)


def huge() -> bytes:
    """Return a PNG of 13,000 × 13,000 pixels in its header; nobody can decode it in time."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 13_000, 13_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


AS_PILLOW = "Decoded as torchvision and Keras decode it."
LEFT_OUT = "It is left out and counted; the ids of the others stay."
ROWS = [
    *(
        Row(45, f"pictures in {words}", lambda mode=mode, name=name: in_mode(mode, name), works=AS_PILLOW)
        for words, mode, name in (
            ("grey", "L", ".png"),
            ("grey with transparency", "LA", ".png"),
            ("RGBA", "RGBA", ".png"),
            ("a palette", "P", ".png"),
            ("CMYK", "CMYK", ".jpg"),
            ("one bit", "1", ".png"),
        )
    ),
    Row(46, "16-bit grey", deep, works="The upper eight bits are taken."),
    Row(47, "turned by EXIF", turned, works="It stands upright."),
    Row(48, "several sizes", mixed, works="All are captured; the run holds thumbnails."),
    Row(
        49,
        "axes (sample, channel, y, x)",
        lambda: axes(0, 3, 1, 2),
        r"images\.transpose\(0, 2, 3, 1\)",
        SamplesError,
    ),
    Row(
        49,
        "axes (y, x, channel, sample)",
        lambda: axes(1, 2, 3, 0),
        r"images\.transpose\(3, 0, 1, 2\)",
        SamplesError,
    ),
    Row(50, "SVG", lambda: content(SVG), "is SVG, a drawing", SamplesError),
    Row(50, "PostScript", lambda: content(PROGRAM), "is PostScript, a program", SamplesError),
    Row(50, "SVG among pictures", lambda: among_others(SVG), "1 is SVG", works=LEFT_OUT),
    Row(50, "an animated GIF", animated, works="The first frame is taken."),
    Row(
        50,
        "a picture that breaks off among others",
        cut,
        "1 is damaged or cut off",
        works="It stays with its id, without numbers.",
    ),
    Row(51, "a PNG of 169 megapixels", lambda: content(huge()), "169 megapixels", SamplesError),
    Row(
        51,
        "a PNG of 169 megapixels among pictures",
        lambda: among_others(huge()),
        "1 has 169 megapixels",
        works=LEFT_OUT,
    ),
]
