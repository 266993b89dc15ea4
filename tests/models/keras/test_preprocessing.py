"""What a network tells of its images, against what keras.applications itself does to them."""

import keras
import numpy as np
import pytest
from keras import layers

from nnlens.models import Preprocess, load_model

SIDE = 32
NAMES = {
    "vgg16": keras.applications.vgg16,
    "resnet50": keras.applications.resnet,
    "mobilenet_0.25_224": keras.applications.mobilenet,
    "mobilenetv2_1.00_96": keras.applications.mobilenet_v2,
    "inception_v3": keras.applications.inception_v3,
    "xception": keras.applications.xception,
    "resnet101v2": keras.applications.resnet_v2,
    "densenet169": keras.applications.densenet,
}


def named(name, channels=3):
    x = keras.Input((SIDE, SIDE, channels))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(x)), name=name)


@pytest.mark.parametrize(("name", "module"), NAMES.items(), ids=NAMES)
def test_a_known_name_prepares_images_as_its_own_module_does(name, module):
    images = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    model = load_model(named(name))
    expected = module.preprocess_input(images.astype(np.float32)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(model.prepare(images), expected, rtol=1e-5, atol=1e-4)
    assert [note for note in model.notes if "guessed" in note and repr(name) in note]
    assert load_model(named(name), preprocess=Preprocess(SIDE)).notes == ()


def test_the_network_that_another_was_built_on_is_known_too():
    x = keras.Input((SIDE, SIDE, 3))
    base = keras.Model(x, layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(x)), name="vgg16")
    network = keras.Sequential([keras.Input((SIDE, SIDE, 3)), base, layers.Dense(2)])
    assert load_model(network).preprocess.order == "BGR"


@pytest.mark.parametrize("network", [named("my_vgg16"), named("resnet"), named("vgg16", channels=1)])
def test_another_name_says_nothing(network):
    model = load_model(network)
    assert model.preprocess.scale == 1 / 255
    assert any("Nothing tells" in note for note in model.notes)


def test_a_layer_that_scales_inside_of_a_network_inside_counts_more_than_a_name():
    x = keras.Input((SIDE, SIDE, 3))
    inner = keras.Model(x, layers.Rescaling(1 / 255)(x), name="inner")
    y = keras.Input((SIDE, SIDE, 3))
    network = keras.Model(y, layers.Dense(2)(layers.Flatten()(inner(y))), name="vgg16")
    model = load_model(network)
    assert model.preprocess == Preprocess((SIDE, SIDE), scale=1)
    assert any("from 0 to 255" in note for note in model.notes)
