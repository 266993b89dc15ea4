"""Means over space that a network returns are those of its maps, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from nnlens import Preprocess, load_model

INPUTS = np.random.default_rng(0).normal(size=(5, 1, 8, 8)).astype(np.float32)


def check(model, maps: list[str], others: list[str]) -> None:
    full = model.activations(INPUTS, [*maps, *others])
    found = model.activations(INPUTS, others, maps)
    assert list(found) == [*others, *maps]
    for name in maps:
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], full[name].astype(float).mean((2, 3)), rtol=1e-5, atol=1e-6)
    for name in others:
        np.testing.assert_array_equal(found[name], full[name])


def test_torch(tiny_torch_model):
    model = load_model(tiny_torch_model, preprocess=Preprocess(8, order="grey"))
    check(model, ["0", "1", "2"], ["4", "@logits", "@input"])
    check(model, ["1"], ["0", "6"])


def test_torch_in_place_and_channels_last():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3),
        torch.nn.ReLU(inplace=True),
        torch.nn.Conv2d(6, 4, 3),
        torch.nn.ReLU(inplace=True),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 3),
    ).to(memory_format=torch.channels_last)
    check(load_model(network.eval(), preprocess=Preprocess(8, order="grey")), ["0", "1", "2", "3"], ["5"])


def test_torch_in_double_precision(tiny_torch_model):
    from copy import deepcopy

    model = load_model(deepcopy(tiny_torch_model).double(), preprocess=Preprocess(8, order="grey"))
    check(model, ["0", "1"], ["4"])


def test_keras():
    keras = pytest.importorskip("keras", reason="Keras is an extra")
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu", name="conv"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="head"),
        ]
    )
    check(load_model(network, preprocess=Preprocess(8, order="grey")), ["conv", "pool"], ["head", "@logits"])


def test_the_tiny_network():
    from nnlens.testing import tiny_model

    check(tiny_model(), ["conv", "relu1"], ["fc1", "@logits"])
