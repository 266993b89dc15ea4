"""Channels last changes the order in memory and the last bits, never what a network says; who cannot is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nnlens import Preprocess, load_model
from nnlens.models.torch.memory import channels_last

INPUTS = np.random.default_rng(0).normal(size=(6, 1, 8, 8)).astype(np.float32)


class Network(nn.Module):
    """Flattens its maps as it is told."""

    def __init__(self, flatten):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 6, 3)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(54, 3)
        self.flatten = flatten

    def forward(self, x):
        return self.fc(self.flatten(self.pool(self.conv(x).relu())))


FLATTENINGS = {
    "flatten": (lambda x: x.flatten(1), True),
    "reshape": (lambda x: x.reshape(len(x), -1), True),
    "view": (lambda x: x.view(-1, 54), False),
    "by memory": (lambda x: torch.as_strided(x, (len(x), 54), (54, 1)), False),
}


def opened(module):
    return load_model(module.eval(), preprocess=Preprocess(8, order="grey"))


@pytest.mark.parametrize("name", FLATTENINGS)
def test_outputs_are_the_same_to_the_last_bits(name):
    flatten, gains = FLATTENINGS[name]
    model = opened(Network(flatten))
    assert model._fast is gains
    names = [layer.name for layer in model.layers]
    exact = model.activations(INPUTS, [*names, "@logits"])
    found = model.activations(INPUTS, [*names, "@logits"], exact=False)
    for layer, values in exact.items():
        np.testing.assert_allclose(found[layer], values, rtol=1e-5, atol=1e-6)
    fast = found["conv"].strides[1] == 4
    assert fast is gains


def test_without_convolutions_nothing_is_gained():
    assert not opened(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))._fast


@pytest.mark.parametrize("channels", [1, 3])
def test_the_shape_and_the_numbers_stay(channels):
    images = torch.randn(2, channels, 4, 5)
    laid = channels_last(images)
    assert torch.equal(laid, images)
    assert laid.stride() == (channels * 20, 1, 5 * channels, channels)
