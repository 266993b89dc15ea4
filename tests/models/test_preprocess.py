import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from nnlens.errors import ModelError
from nnlens.models.preprocess import Preprocess

GREY_OR_COLOR = st.sampled_from([1, 3])


def images(channels=GREY_OR_COLOR):
    def of(channel):
        shape = st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 17), st.just(channel))
        return arrays(np.uint8, shape)

    return channels.flatmap(of)


@given(images(st.just(3)), st.floats(0.1, 3), st.floats(-5, 5), st.sampled_from(["RGB", "BGR"]))
def test_units_follow_the_formula(pixels, scale, mean, order):
    size = pixels.shape[1:3]
    std = (1.0, 2.0, 0.5)
    inputs = Preprocess(size, scale=scale, mean=mean, std=std, order=order)(pixels)
    for sample, y, x, channel in np.ndindex(pixels.shape):
        source = channel if order == "RGB" else 2 - channel
        expected = (float(pixels[sample, y, x, source]) * scale - mean) / std[channel]
        np.testing.assert_allclose(inputs[sample, channel, y, x], expected, rtol=1e-4, atol=1e-3)


@given(
    images(st.just(3)),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
)
def test_stretching_is_pillow_resizing(pixels, height, width, resample):
    inputs = Preprocess((height, width), resample=resample, scale=1)(pixels)
    for image, got in zip(pixels, inputs, strict=True):
        expected = Image.fromarray(image).resize((width, height), Image.Resampling[resample.upper()])
        np.testing.assert_array_equal(got.transpose(1, 2, 0), np.asarray(expected, np.float32))


@given(images(st.just(3)))
def test_color_becomes_grey_as_in_pillow(pixels):
    inputs = Preprocess(pixels.shape[1:3], scale=1, order="grey")(pixels)
    for image, got in zip(pixels, inputs, strict=True):
        np.testing.assert_array_equal(got[0], np.asarray(Image.fromarray(image).convert("L"), np.float32))


@given(images(st.just(1)))
def test_grey_is_repeated_for_a_color_network(pixels):
    inputs = Preprocess(pixels.shape[1:3], scale=1)(pixels)
    assert inputs.shape[1] == 3
    np.testing.assert_array_equal(inputs, np.repeat(pixels.transpose(0, 3, 1, 2), 3, axis=1))


@given(images(), st.integers(1, 20), st.sampled_from(["stretch", "crop", "pad"]))
def test_shape_type_and_layout(pixels, side, fit):
    order = "grey" if pixels.shape[3] == 1 else "RGB"
    inputs = Preprocess(side, fit=fit, order=order)(pixels)
    assert inputs.shape == (len(pixels), pixels.shape[3], side, side)
    assert inputs.dtype == np.float32
    assert inputs.flags.c_contiguous
    assert inputs.min() >= 0
    assert inputs.max() <= 1


def test_padding_centers_a_smaller_image_and_does_not_enlarge_it():
    pixels = np.full((1, 4, 6, 1), 255, np.uint8)
    got = Preprocess(8, fit="pad", order="grey")(pixels)[0, 0]
    expected = np.zeros((8, 8))
    expected[2:6, 1:7] = 1
    np.testing.assert_array_equal(got, expected)


def test_padding_keeps_the_proportions_of_a_larger_image():
    pixels = np.full((1, 8, 16, 1), 255, np.uint8)
    got = Preprocess(8, fit="pad", order="grey")(pixels)[0, 0]
    expected = np.zeros((8, 8))
    expected[2:6] = 1
    np.testing.assert_array_equal(got, expected)


def test_cropping_keeps_the_center_of_the_longer_side():
    pixels = np.arange(16, dtype=np.uint8).reshape(1, 2, 8, 1)
    got = Preprocess(2, fit="crop", order="grey", scale=1)(pixels)[0, 0]
    np.testing.assert_array_equal(got, [[3, 4], [11, 12]])


def test_padding_is_black_in_the_networks_own_units():
    got = Preprocess(3, fit="pad", mean=0.5, std=0.5, order="grey")(np.full((1, 1, 1, 1), 255, np.uint8))
    np.testing.assert_allclose(got[0, 0], [[-1, -1, -1], [-1, 1, -1], [-1, -1, -1]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": (3, -1)},
        {"size": 2.5},
        {"size": "28"},
        {"size": (1, 2, 3)},
        {"size": True},
        {"fit": "squash"},
        {"order": "HSV"},
        {"resample": "best"},
        {"scale": 0},
        {"scale": float("nan")},
        {"std": 0},
        {"std": (1, 1)},
        {"mean": "x"},
        {"mean": float("inf")},
        {"mean": (1, 2, 3), "order": "grey"},
    ],
)
def test_what_cannot_be_used_is_refused(wrong):
    with pytest.raises(ModelError, match=next(iter(wrong))):
        Preprocess(**({"size": 8} | wrong))


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 8, 8, 4), (1, 1, 8, 8, 1)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ModelError, match="Images must be"):
        Preprocess(8)(np.zeros(shape, np.uint8))


def test_it_goes_through_json():
    preprocess = Preprocess((5, 7), fit="crop", mean=(0.1, 0.2, 0.3), std=2, order="BGR")
    assert Preprocess.from_dict(json.loads(json.dumps(preprocess.to_dict()))) == preprocess


def test_unknown_keys_are_named():
    with pytest.raises(ModelError, match="colour"):
        Preprocess.from_dict({"size": 3, "colour": 1})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": "1/255"}, "scale cannot be '1/255'"),
        ({"mean": None}, "mean cannot be None"),
        ({"mean": (1, 2, 3), "order": "grey"}, r"It is one number\.$"),
    ],
)
def test_values_of_another_kind_are_named(wrong, said):
    with pytest.raises(ModelError, match=said):
        Preprocess(32, **wrong)
