"""A network is bit for bit what it was, after every call and after every call that fails."""

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nnlens.models import Preprocess, load_model


def snapshot(module):
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "state": {name: value.numpy().tobytes() for name, value in module.state_dict().items()},
        "identity": {name: id(value) for name, value in module.named_parameters()},
        "training": [part.training for part in module.modules()],
        "asking": [parameter.requires_grad for parameter in module.parameters()],
        "gradients": [parameter.grad is None for parameter in module.parameters()],
        "hooks": [sum(len(getattr(part, name)) for name in hooks) for part in module.modules()],
        "random": torch.get_rng_state().numpy().tobytes(),
        "switched": torch.is_grad_enabled(),
    }


class Unruly(nn.Module):
    """Counts its calls in a buffer even in evaluation mode, and fails when told to."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(2, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.fails = None

    def forward(self, x):
        self.calls += 1
        x = torch.relu(self.bn(self.conv(x)))
        if self.fails is not None:
            raise self.fails
        return self.fc(self.drop(x.mean((2, 3))))


class Stop(BaseException):
    """Like KeyboardInterrupt, nobody catches it on the way."""


CALLS = {
    "predict": lambda model, x: model.predict(x),
    "activations": lambda model, x: model.activations(x, ["conv", "F.relu", "@logits"]),
    "vjp": lambda model, x: model.vjp(x, np.ones((2, 3), np.float32), wrt=("conv", "@input"), keep=("bn",)),
    "vjp at a layer": lambda model, x: model.vjp(x, np.ones((2, 2, 3, 3), np.float32), at="F.relu"),
    "bad seed": lambda model, x: model.vjp(x, np.ones(7)),
    "raising seed": lambda model, x: model.vjp(x, lambda logits, kept: 1 / 0),
    "stopping seed": lambda model, x: model.vjp(x, lambda logits, kept: (_ for _ in ()).throw(Stop())),
    "unknown layer": lambda model, x: model.activations(x, ["nothing"]),
    "wrong shape": lambda model, x: model.predict(x[:, :, 1:]),
    "no way back": lambda model, x: model.vjp(x, np.ones((2, 2, 3, 3)), at="conv", wrt=("fc",)),
}


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=4),
    training=st.lists(st.booleans(), min_size=5, max_size=5),
    asking=st.lists(st.booleans(), min_size=6, max_size=6),
    fails=st.sampled_from([None, RuntimeError("midway"), Stop()]),
)
def test_it_is_what_it_was(calls, training, asking, fails):
    torch.manual_seed(1)
    module = Unruly()
    for part, mode in zip(module.modules(), training, strict=True):
        part.training = mode
    for parameter, ask in zip(module.parameters(), asking, strict=True):
        parameter.requires_grad_(ask)
    before = snapshot(module)
    model = load_model(module, preprocess=Preprocess(5, order="grey"))
    assert snapshot(module) == before
    module.fails = fails
    inputs = np.random.default_rng(0).normal(size=(2, 1, 5, 5)).astype(np.float32)
    kept = inputs.copy()
    for call in calls:
        with contextlib.suppress(Exception, Stop):
            CALLS[call](model, inputs)
        assert snapshot(module) == before
        np.testing.assert_array_equal(inputs, kept)


def test_own_hooks_stay_and_what_they_return_counts(build, preprocess, inputs):
    module = build("Plain")
    module[0].register_forward_hook(lambda part, args, output: output * 0 + 1)
    model = load_model(module, preprocess=preprocess)
    assert (model.activations(inputs, ["0"])["0"] == 1).all()
    assert len(module[0]._forward_hooks) == 1


def test_it_runs_in_evaluation_mode_whatever_it_was_in(build, preprocess, inputs):
    module = build("Branches")
    expected = load_model(build("Branches").eval(), preprocess=preprocess).predict(inputs)
    np.testing.assert_array_equal(load_model(module.train(), preprocess=preprocess).predict(inputs), expected)
    assert all(part.training for part in module.modules())


def test_a_network_that_asked_for_gradients_still_trains(build, preprocess, inputs):
    module = build("Residual").train()
    model = load_model(module, preprocess=preprocess)
    model.vjp(inputs, np.ones((4, 5), np.float32))
    module(torch.from_numpy(inputs)).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("error", [RuntimeError("no"), Stop()])
def test_opening_leaves_nothing_behind_either(error):
    module = Unruly().train()
    module.fails = error
    before = snapshot(module)
    with pytest.raises(BaseException):  # noqa: B017
        load_model(module, preprocess=Preprocess(5, order="grey"))
    assert snapshot(module) == before
