"""Known families with random weights through ``capture``: every layer is what Keras' own sub-model gives."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from keras import layers

from nnlens import capture
from nnlens.models import Preprocess, load_model
from nnlens.samples import Samples

COUNT, CLASSES = 3, 7
SIDES = {
    "MobileNetV2": 32,
    "VGG16": 32,
    "ResNet50": 32,
    "EfficientNetB0": 32,
    "InceptionV3": 75,  # no smaller one is allowed
    "DenseNet121": 32,
}
QUICK = {"MobileNetV2", "VGG16"}
FAMILIES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SIDES]


def first(array):
    """Channels first, as everywhere in nnlens."""
    return np.moveaxis(array, -1, 1) if array.ndim == 4 else array


def family(name, **settings):
    """Build a network whose offsets are not zero and statistics not one: under those, swapped layers could hide."""
    keras.utils.set_random_seed(0)
    side = SIDES[name]
    settings = {"weights": None, "input_shape": (side, side, 3), "classes": CLASSES} | settings
    network = getattr(keras.applications, name)(**settings)
    rng = np.random.default_rng(1)
    for variable in network.weights:
        if variable.path.endswith(("beta", "bias", "gamma", "moving_variance")):
            variable.assign(variable + 0.3 * rng.random(variable.shape).astype(np.float32))
    return network


def photos(side):
    """Pictures with structure, so that no layer sees noise alone."""
    y, x = np.mgrid[:side, :side] / side
    waves = [np.sin(9 * x * (number + 1)) + np.cos(7 * y + number) for number in range(3 * COUNT)]
    pictures = np.stack(waves).reshape(COUNT, 3, side, side).transpose(0, 2, 3, 1)
    return ((pictures + 2) / 4 * 255).astype(np.uint8)


def captured(network, side, path, keep="all"):
    model = load_model(network, preprocess=Preprocess(side))
    samples = Samples(photos(side), np.arange(COUNT))
    return model, capture(model, samples, path, keep=keep, budget="2GB")


def own_outputs(network, images):
    """Return what Keras' own network with all outputs gives: operation name → array, dims (sample, channel, y, x)."""
    made = [operation for operation in network.operations if operation._inbound_nodes[0].input_tensors]
    outputs = keras.Model(network.inputs[0], [operation.output for operation in made])(images, training=False)
    return {operation.name: first(np.asarray(value)) for operation, value in zip(made, outputs, strict=True)}


def assert_same(got, expected, name):
    """Float32 through hundreds of layers: the tolerance is a part of the largest value of the layer."""
    assert got.shape == expected.shape, name
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_of_a_family_is_captured(name, tmp_path):
    network, side = family(name), SIDES[name]
    model, store = captured(network, side, tmp_path / "run")
    expected = own_outputs(network, model.prepare(photos(side)).transpose(0, 2, 3, 1))
    assert {layer.info.name for layer in store.layers} == set(expected)
    for layer in store.layers:
        values = expected[layer.info.name]
        assert layer.info.shape == values.shape[1:], layer.info.name
        assert np.ptp(values, axis=0).max() > 0, (
            layer.info.name
        )  # else every sample could be taken for another
        assert_same(store.activation(layer.info.name).values, values, layer.info.name)
        if layer.pooled:
            pooled = store.pooled(layer.info.name).values
            assert_same(pooled, values.mean((2, 3)), layer.info.name)


@pytest.mark.parametrize("name", FAMILIES)
def test_edges_are_the_inbound_nodes(name):
    network = family(name)
    model = load_model(network, preprocess=Preprocess(SIDES[name]))
    sources = {
        operation.name: [tensor._keras_history.operation for tensor in node.input_tensors]
        for operation in network.operations
        for node in operation._inbound_nodes
        if node.input_tensors
    }
    named = {
        name: {"@input" if isinstance(source, layers.InputLayer) else source.name for source in found}
        for name, found in sources.items()
    }
    assert {layer.name: set(layer.inputs) for layer in model.layers} == named
    assert sum(layer.parameters for layer in model.layers) == network.count_params()
    place = {layer.name: position for position, layer in enumerate(model.layers)} | {"@input": -1}
    assert all(place[source] < place[layer.name] for layer in model.layers for source in layer.inputs)


@pytest.mark.slow
def test_a_family_inside_of_a_network_inside_of_another(tmp_path):
    """Transfer learning: a base called twice by one network, which stands in a Sequential."""
    side = SIDES["MobileNetV2"]
    base = family("MobileNetV2", include_top=False, pooling="avg")
    x = keras.Input((side, side, 3))
    sides = [base(x), base(layers.RandomFlip(name="flip")(x[:, :, ::-1]))]
    twin = keras.Model(x, layers.Concatenate(name="both")(sides), name="twin")
    network = keras.Sequential([keras.Input((side, side, 3)), twin, layers.Dense(CLASSES, name="head")])
    model, store = captured(network, side, tmp_path / "run", keep=[])
    images = model.prepare(photos(side)).transpose(0, 2, 3, 1)
    for call, shown in enumerate((images, images[:, :, ::-1])):
        for name, values in own_outputs(base, shown).items():
            pooled = values.mean((2, 3)) if values.ndim == 4 else values
            layer = store.layer(f"twin/{base.name}/{name}#{call}").info
            got = (store.pooled if layer.spatial else store.activation)(layer.name).values
            assert_same(got, pooled, layer.name)
    last = {layer.name: layer.aliases for layer in model.layers}
    ends = [f"twin/{base.name}/{base.layers[-1].name}#{call}" for call in (0, 1)]
    assert [last[end] for end in ends] == [(f"twin/{base.name}#{call}",) for call in (0, 1)]
    assert last["twin/both"] == ("twin",)
    assert set(model.layers[-2].inputs) == set(ends)
    assert model.hidden_layer == "twin/both"
