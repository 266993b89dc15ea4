"""Pictures as files: what other programs read out of them."""

import base64
import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from nnlens.export import Picture, npz, zipped
from nnlens.export.pictures import Label
from nnlens.export.words import file_stem

RNG = np.random.default_rng(0)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1), (8, 9, 3), (8, 9, 4)])
def test_a_picture_without_words_is_its_pixels(shape):
    pixels = RNG.integers(0, 256, shape, np.uint8)
    picture = Picture(pixels, values={"heat": np.eye(3)})
    found = np.asarray(Image.open(io.BytesIO(picture.png())))
    np.testing.assert_array_equal(found, pixels[..., 0] if shape[-1] == 1 else pixels)
    with np.load(io.BytesIO(picture.npz())) as values:
        np.testing.assert_array_equal(values["picture"], pixels)
        np.testing.assert_array_equal(values["heat"], np.eye(3))


def test_words_stand_around_and_a_small_picture_is_enlarged_by_a_whole_factor():
    pixels = RNG.integers(0, 256, (28, 28, 3), np.uint8)
    picture = Picture(pixels, "A title", "a caption", [Label(100, 100, "name")])
    found = np.asarray(Image.open(io.BytesIO(picture.png())))
    assert found.shape == (224 + 40 + 12, 224 + 24, 3)
    assert (found[:40] != 255).any(), "the title is drawn"
    plain = np.asarray(Image.open(io.BytesIO(Picture(pixels, "A title").png())))
    np.testing.assert_array_equal(plain[40:-12, 12:-12], pixels.repeat(8, 0).repeat(8, 1))


def test_an_svg_holds_the_same_pixels_and_names_as_text():
    pixels, name = RNG.integers(0, 256, (300, 250, 3), np.uint8), "<script>alert(1)</script>&"
    root = ElementTree.fromstring(Picture(pixels, name, "c", [Label(20, 30, name)], scale=2).svg())
    image = root.find(f"{SVG}image")
    inside = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.get("href").partition(",")[2]))))
    np.testing.assert_array_equal(inside, pixels)
    assert (float(image.get("width")), float(image.get("height"))) == (125, 150)
    texts = root.findall(f"{SVG}text")
    assert [text.text for text in texts] == [name, "c", name]
    assert (float(texts[2].get("x")), float(texts[2].get("y"))) == (12 + 10, 40 + 15 + 4)
    assert {node.tag for node in root.iter()} == {f"{SVG}{tag}" for tag in ("svg", "rect", "image", "text")}


def test_a_zip_holds_all_and_is_the_same_each_time():
    files = [("a.png", b"1" * 1000), ("b.csv", b"2" * 1000)]
    assert zipped(files) == zipped(files)
    with zipfile.ZipFile(io.BytesIO(zipped(files))) as archive:
        assert [(name, archive.read(name)) for name in archive.namelist()] == files
        assert archive.testzip() is None


def test_values_hold_no_objects():
    with np.load(io.BytesIO(npz({"names": np.array(["a", "ü"], object)})), allow_pickle=False) as values:
        assert values["names"].tolist() == ["a", "ü"]


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        (("run", "t-SNE of fc1"), "run-t-SNE-of-fc1"),
        (("../../etc/passwd",), "etc-passwd"),
        (("", "\u202e"), "nnlens"),
        (("Straße", 'a"b'), "Stra-e-a-b"),
    ],
)
def test_names_of_files_are_safe(words, stem):
    assert file_stem(*words) == stem
