"""What rules leave behind (nothing), rules for a stranger's class of module, and weights drawn anew."""

import gc
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.rules import ABSORBED, Rule

SIDE = 9
SEED = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)


class Swish(nn.Module):
    """A stranger's activation; in place it writes over its input."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, x):
        return x.mul_(torch.sigmoid(x)) if self.inplace else x * torch.sigmoid(x)


class Net(nn.Module):
    def __init__(self, inplace=False):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), Swish(inplace)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.act(self.bn(self.conv(x)))
        return self.fc(F.relu(self.act(x + 1)).mean((2, 3)))


def open_(module):
    return load_model(module, preprocess=Preprocess(SIDE, mean=0.5, std=0.25))


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)


def everything(module):
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return (
        {name: value.numpy().tobytes() for name, value in module.state_dict().items()},
        [part.training for part in module.modules()],
        [(weight.requires_grad, weight.grad is None, id(weight)) for weight in module.parameters()],
        [len(getattr(part, name)) for part in module.modules() for name in hooks],
        torch.overrides._get_current_function_mode_stack(),
    )


class Stop(BaseException):
    pass


def raises(error):
    def rule(gradient, inputs, output, layer):
        raise error

    return rule


@pytest.mark.parametrize("kind", ["ReLU", "Convolution", "Swish"])
@pytest.mark.parametrize("error", [None, ZeroDivisionError("in the rule"), Stop()])
def test_the_network_is_what_it_was_also_after_a_rule_that_fails(kind, error, inputs):
    module = Net().train()
    module.bn.eval()
    module.conv.weight.requires_grad_(False)
    model, kept = open_(module), inputs.copy()
    before = everything(module)
    function = raises(error) if error else lambda g, x, y, layer: layer.back(g)
    rule = Rule(
        "some", {kind: function, "Normalization": lambda g, x, y, layer: layer.back(g)}, merge_norms=True
    )
    if error is None:
        model.vjp(inputs, SEED, rule=rule)
    else:
        with pytest.raises(type(error)):
            model.vjp(inputs, SEED, rule=rule)
    assert everything(module) == before
    np.testing.assert_array_equal(inputs, kept)


@pytest.mark.parametrize("inplace", [False, True])
def test_a_rule_may_be_for_a_strangers_class_of_module(inplace, inputs):
    """The positive part of the gradient goes on at every call of it, as if its derivative were one."""
    seen = []

    def straight(gradient, x, y, layer):
        seen.append((layer.name, layer.kind))
        np.testing.assert_allclose(y, x * x.sigmoid(), atol=1e-6)
        np.testing.assert_allclose(
            layer.back(gradient), gradient * (x.sigmoid() * (1 + x * (1 - x.sigmoid()))), atol=1e-5
        )
        return gradient * (gradient > 0)

    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx, gradient):
            return gradient.clamp(min=0)

    oracle = Net().eval()
    x = torch.from_numpy(inputs).requires_grad_()
    maps = Straight.apply(oracle.bn(oracle.conv(x)))
    logits = oracle.fc(F.relu(Straight.apply(maps + 1)).mean((2, 3)))
    expected = torch.autograd.grad(logits, [x, maps], torch.from_numpy(SEED))
    rule = Rule("straight", {"Swish": straight, "Multiply": raises(ValueError("inside"))})
    found = open_(Net(inplace)).vjp(inputs, SEED, wrt=("@input", "act#0"), rule=rule)
    assert seen == [("act#1", "Swish"), ("act#0", "Swish")]
    np.testing.assert_allclose(found.gradients["@input"], expected[0], atol=1e-6)
    np.testing.assert_allclose(found.gradients["act#0"], expected[1], atol=1e-6)
    np.testing.assert_allclose(found.logits, logits.detach(), atol=1e-6)


def test_a_rule_that_gives_something_else_is_told(inputs):
    model = open_(Net())
    for wrong, said in ((lambda g, *_: g[:, :2], "the shape"), (lambda *_: None, "a NoneType")):
        with pytest.raises(ModelError, match=f"{said}.*'F.relu'"):
            model.vjp(inputs, SEED, rule=Rule("wrong", {"ReLU": wrong}))


def test_what_is_absorbed_can_only_be_asked_of_rules_that_absorb(inputs):
    model = open_(Net())
    with pytest.raises(ModelError, match="absorbed"):
        model.vjp(inputs, SEED, wrt=("@input", ABSORBED))
    rule = Rule("none on the way", {"ReLU": lambda g, x, y, layer: g}, frozenset({"MaxPooling"}))
    np.testing.assert_array_equal(
        model.vjp(inputs, SEED, wrt=(ABSORBED,), rule=rule).gradients[ABSORBED], [0, 0]
    )


def test_a_pass_leaves_no_memory_to_the_collector(inputs):
    model, watched = open_(Net(inplace=True)), []

    def rule(gradient, x, y, layer):
        watched.append(weakref.ref(layer))
        return layer.back(gradient)

    gc.collect()
    gc.disable()
    try:
        model.vjp(
            inputs, SEED, rule=Rule("watches", dict.fromkeys(("ReLU", "Swish", "Convolution", "Add"), rule))
        )
        assert len(watched) == 4 and not any(reference() for reference in watched)
    finally:
        gc.enable()


def test_weights_drawn_anew_are_the_same_numbers_in_another_order(inputs):
    module = Net()
    model, before = open_(module), everything(module)
    every, again = model.randomized(seed=3), model.randomized(seed=3)
    last = model.randomized(["fc"], seed=3)
    assert everything(module) == before
    for name, own in module.named_parameters():
        drawn = dict(every.module.named_parameters())[name]
        assert sorted(own.flatten().tolist()) == sorted(drawn.flatten().tolist())
        assert own.numel() < 10 or not torch.equal(own, drawn)
        assert torch.equal(drawn, dict(again.module.named_parameters())[name])
        same = drawn if name.startswith("fc") else own
        assert torch.equal(dict(last.module.named_parameters())[name], same)
    assert torch.equal(every.module.bn.running_var, module.bn.running_var)
    assert every.layers == model.layers and every.preprocess == model.preprocess and every.reference is None
    assert not np.allclose(last.predict(inputs), model.predict(inputs))
    assert not torch.equal(model.randomized(seed=4).module.fc.weight, every.module.fc.weight)
    with pytest.raises(ModelError, match="no layer 'fd'"):
        model.randomized(["fd"])


def test_weights_of_functions_are_drawn_too(build, preprocess):
    module = build("Functional")
    drawn = load_model(module, preprocess=preprocess).randomized(["F.conv2d"]).module
    assert not torch.equal(drawn.kernel, module.kernel) and torch.equal(drawn.matrix, module.matrix)
