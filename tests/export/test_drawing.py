"""Drawings: the same shapes at the same places as SVG and as pixels."""

from __future__ import annotations

import base64
import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from nnlens.export.drawing import Drawing, Line, Raster, Rect, Words, fitted

RNG = np.random.default_rng(0)
SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>&\t\u202e"


def shown(drawing: Drawing, scale: int = 2) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawing.png(scale))))


def test_shapes_lie_where_they_are_said_to():
    pixels = RNG.integers(0, 256, (4, 3, 3), np.uint8)
    shapes = [
        Rect(10, 20, 30, 5, "#102030"),
        Rect(50, 0, 9, 9, "", "#FF0000"),
        Line([(0, 60), (80, 60)], "#00FF00", 1),
        Raster(60, 20, 12, 16, pixels),
    ]
    seen = shown(Drawing(80, 64, shapes, title="T"))[2 * 40 :, 2 * 12 :]
    block = seen[40:50, 20:80]
    assert (block == (0x10, 0x20, 0x30)).all()
    assert (seen[50, 20:80] == 255).all() and (seen[40:50, 80] == 255).all()
    assert (seen[0, 100:118] == (255, 0, 0)).all() and (seen[8, 108] == 255).all()
    assert (seen[120, :160] == (0, 255, 0)).all()
    np.testing.assert_array_equal(seen[40:72, 120:144], pixels.repeat(8, 0).repeat(8, 1))


def test_the_svg_has_the_same_shapes_and_no_markup_of_strangers():
    pixels = RNG.integers(0, 256, (4, 3, 1), np.uint8)
    shapes = [Rect(1, 2, 3, 4, "#102030"), Words(5, 6, EVIL, turn=45), Raster(7, 8, 9, 10, pixels)]
    root = ElementTree.fromstring(Drawing(80, 64, shapes, title=EVIL, caption="c").svg())
    rect = root.findall(f".//{SVG}rect")[1]
    assert [float(rect.get(side)) for side in ("x", "y", "width", "height")] == [1, 2, 3, 4]
    assert root.find(f"{SVG}g").get("transform") == "translate(12 40)"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["<script>alert(1)</script>&", "c", "<script>alert(1)</script>&"]
    inside = root.find(f".//{SVG}image").get("href").partition(",")[2]
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(base64.b64decode(inside)))), pixels[..., 0]
    )
    assert {node.tag for node in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "rect", "text", "g", "image")
    }


def test_words_are_drawn_and_turned_upwards():
    level, turned = (shown(Drawing(100, 100, [Words(50, 50, "name", 20, turn=turn)])) for turn in (0, 90))
    for seen, tall in ((level, False), (turned, True)):
        rows, columns = np.nonzero((seen != 255).any(-1))
        assert (np.ptp(rows) > np.ptp(columns)) == tall
    rows, _ = np.nonzero((turned != 255).any(-1))
    assert rows.max() <= 2 * 62 + 2  # it begins at its place and goes up


def test_a_fitted_picture_keeps_its_proportions_and_its_middle():
    placed = fitted(np.zeros((10, 20), np.uint8), 100, 50, 40)
    assert (placed.x, placed.y, placed.width, placed.height) == (100, 60, 40, 20)


def test_its_values_leave_with_it():
    with np.load(io.BytesIO(Drawing(9, 9, values={"a": np.eye(2), "b": "word"}).npz())) as values:
        np.testing.assert_array_equal(values["a"], np.eye(2))
        assert values["b"] == "word"
