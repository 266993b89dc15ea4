"""One network with one set of weights in both frameworks: everything the protocol gives must agree."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn

from nnlens.models import Preprocess, load_model
from nnlens.rules import Rule

SIDE = 12


class Torch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(6 * 5 * 5, 4)
        self.end = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x) + x)
        x = nn.functional.avg_pool2d(x, 2)
        return self.end(self.fc(x.permute(0, 2, 3, 1).flatten(1)))


def keras_twin(module):
    x = keras.Input((SIDE, SIDE, 3))
    relu = layers.ReLU(name="relu")
    first = relu(layers.Conv2D(6, 3, name="conv1")(x))
    total = relu(layers.Add(name="sum")([layers.Conv2D(6, 3, padding="same", name="conv2")(first), first]))
    flat = layers.Flatten(name="flatten")(layers.AveragePooling2D(2, name="pool")(total))
    network = keras.Model(x, layers.Dense(4, activation="softmax", name="fc")(flat))
    for name in ("conv1", "conv2"):
        part = getattr(module, name)
        network.get_layer(name).set_weights(
            [part.weight.detach().numpy().transpose(2, 3, 1, 0), part.bias.detach().numpy()]
        )
    network.get_layer("fc").set_weights(
        [module.fc.weight.detach().numpy().T, module.fc.bias.detach().numpy()]
    )
    return network


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    module = Torch().eval()
    preprocess = Preprocess(SIDE, mean=0.4, std=0.3)
    return load_model(module, preprocess=preprocess), load_model(keras_twin(module), preprocess=preprocess)


@pytest.fixture(scope="module")
def inputs(models):
    images = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    first, second = (model.prepare(images) for model in models)
    np.testing.assert_array_equal(first, second)
    return first


SAME = ["conv1", "relu#0", "conv2", "relu#1", "@logits", "@input"]


def test_activations_agree(models, inputs):
    first, second = (model.activations(inputs, SAME) for model in models)
    for name in SAME:
        assert first[name].shape == second[name].shape
        np.testing.assert_allclose(first[name], second[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("at", [None, "relu#1"])
def test_passes_agree(models, inputs, at):
    def seed(logits, activations):
        values = logits if at is None else activations[at]
        return (values == values.max(axis=tuple(range(1, values.ndim)), keepdims=True)).astype(np.float32)

    wrt = ("@input", "conv1", "relu#0", "conv2")
    first, second = (model.vjp(inputs, seed, at=at, wrt=wrt, keep=("conv2",)) for model in models)
    np.testing.assert_allclose(first.logits, second.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first.activations["conv2"], second.activations["conv2"], rtol=1e-4, atol=1e-5)
    for name in wrt:
        assert first.gradients[name].shape == second.gradients[name].shape
        np.testing.assert_allclose(
            first.gradients[name], second.gradients[name], rtol=1e-3, atol=1e-6, err_msg=name
        )


def rectified(mask):
    return Rule("try", {"ReLU": lambda g, x, y, layer: g * (g > 0) * (x > 0 if mask else 1)})


@pytest.mark.parametrize("mask", [True, False], ids=["guided", "deconv"])
def test_rules_agree(models, inputs, mask):
    seed = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0]]
    wrt = ("@input", "conv1", "conv2")
    first, second = (model.vjp(inputs, seed, wrt=wrt, rule=rectified(mask)) for model in models)
    assert first.plain_at == second.plain_at == ()
    for name in wrt:
        close = 1e-5 * np.abs(first.gradients[name]).max()
        np.testing.assert_allclose(
            first.gradients[name], second.gradients[name], rtol=1e-3, atol=close, err_msg=name
        )


def test_what_is_known_of_the_layers_agrees(models):
    for name in ("conv1", "relu#0", "conv2", "relu#1", "fc"):
        first, second = (next(layer for layer in model.layers if layer.name == name) for model in models)
        assert (first.shape, first.parameters) == (second.shape, second.parameters)
    assert [model.class_count for model in models] == [4, 4]
    assert [model.has_logits for model in models] == [True, True]
    assert [model.layers[0].inputs for model in models] == [("@input",), ("@input",)]
