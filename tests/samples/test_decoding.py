"""Every kind of picture file against what Pillow, or the rule, says it shows."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples.decoding import LARGEST, decode, read_header, unwarned

RAMP = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)


def png_of(width, height):
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_all_modes_become_what_pillow_makes_of_them(tmp_path, mode):
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    Image.fromarray(RAMP).convert(mode).save(path)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(decode(path, 3), expected)
    header = read_header(path)
    assert (header.height, header.width) == (12, 10)
    assert header.channels == (1 if mode in ("1", "L", "LA") else 3)


def test_sixteen_bits_become_the_upper_eight(tmp_path):
    deep = (np.arange(64, dtype=np.uint16) * 1031).reshape(8, 8)
    for name in ("a.png", "a.tiff"):
        Image.fromarray(deep).save(tmp_path / name)
        assert np.array_equal(decode(tmp_path / name, 1)[..., 0], deep // 256)
        assert read_header(tmp_path / name).channels == 1


@pytest.mark.parametrize("ending", ["png", "tiff", "webp", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RAMP).save(path, exif=exif, **({"lossless": True} if ending == "webp" else {}))
    # the rules of EXIF 2.3, table 8: where the first row and the first column of the file are on the picture
    turn = {
        1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }  # fmt: skip
    plain = RAMP
    if ending == "jpg":  # lossy: what Pillow decodes of the same file without EXIF
        Image.fromarray(RAMP).save(tmp_path / "plain.jpg")
        with Image.open(tmp_path / "plain.jpg") as picture:
            plain = np.asarray(picture)
    expected = turn[orientation](plain)
    assert np.array_equal(decode(path, 3), expected)
    header = read_header(path)
    assert (header.height, header.width) == expected.shape[:2]


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decode(tmp_path / "a.gif", 1) == 10).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><p>404", "is a web page"),
        (b"<?xml version='1.0'?><svg/>", "is SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(run) print", "is PostScript"),
        (b"hello there", "is no picture"),
        (png_of(13_000, 13_000), "169 megapixels"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, words):
    (tmp_path / "a.png").write_bytes(content)
    for read in (lambda: read_header(tmp_path / "a.png"), lambda: decode(tmp_path / "a.png", 3)):
        with pytest.raises(SamplesError, match=words) as caught, unwarned():
            read()
        assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_cut_off_is_named(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SamplesError, match="damaged or cut off"):
        decode(tmp_path / "a.jpg", 3)


def test_the_limit_is_pillows_own():
    assert LARGEST == Image.MAX_IMAGE_PIXELS
