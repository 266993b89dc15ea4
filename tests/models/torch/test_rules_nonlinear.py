"""Guided backpropagation and deconvolution against networks whose rectifiers were rewritten by hand, and Captum."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import Deconvolution, GuidedBackprop
from torch import nn

from nnlens.models import Preprocess, load_model
from nnlens.rules import Rule

SIDE = 11
SLOPE = 0.2


def slope_at(x, kind):
    """The derivative, for guided backpropagation."""
    positive = (x > 0).to(x)
    return {
        "ReLU": positive,
        "ReLU6": positive * (x < 6),
        "LeakyReLU": positive + SLOPE * (x <= 0),
    }[kind]


class ByHand(torch.autograd.Function):
    """A rectifier whose way back is written out."""

    @staticmethod
    def forward(ctx, x, kind, rule):
        ctx.kind, ctx.rule = kind, rule
        ctx.save_for_backward(x.clone())
        return {
            "ReLU": x.clamp(min=0),
            "ReLU6": x.clamp(0, 6),
            "LeakyReLU": x.where(x > 0, SLOPE * x),
        }[kind]

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        back = gradient.clamp(min=0)
        return back * slope_at(x, ctx.kind) if ctx.rule == "guided" else back, None, None


def guided(gradient, inputs, output, layer):
    kept = gradient * (gradient > 0)
    if layer.kind == "LeakyReLU":
        return kept * (inputs > 0) + layer.settings["slope"] * kept * (inputs <= 0)
    inside = kept * (inputs > 0)
    return inside * (inputs < layer.settings["top"]) if layer.kind == "ReLU6" else inside


KINDS = ("ReLU", "ReLU6", "LeakyReLU")
RULES = {
    "guided": Rule("guided", dict.fromkeys(KINDS, guided)),
    "deconv": Rule("deconv", dict.fromkeys(KINDS, lambda g, inputs, output, layer: g * (g > 0))),
}


def writing(function):
    """An activation that is called for what it does to its input alone."""

    def act(x):
        function(x)
        return x

    return act


def assigned(x):
    x[x < 0] = 0
    return x


FORMS = {
    "nn.ReLU": ("ReLU", nn.ReLU()),
    "nn.ReLU in place": ("ReLU", nn.ReLU(inplace=True)),
    "nn.ReLU in place, result unused": ("ReLU", writing(nn.ReLU(inplace=True))),
    "F.relu": ("ReLU", F.relu),
    "F.relu in place": ("ReLU", lambda x: F.relu(x, inplace=True)),
    "F.relu in place, by position": ("ReLU", writing(lambda x: F.relu(x, True))),
    "F.relu by name": ("ReLU", lambda x: F.relu(input=x)),
    "torch.relu": ("ReLU", torch.relu),
    "torch.relu_": ("ReLU", torch.relu_),
    "Tensor.relu": ("ReLU", lambda x: x.relu()),
    "Tensor.relu_": ("ReLU", writing(lambda x: x.relu_())),
    "aten": ("ReLU", torch.ops.aten.relu.default),
    "aten in place": ("ReLU", writing(torch.ops.aten.relu_.default)),
    "clamp": ("ReLU", lambda x: x.clamp(min=0)),
    "clamp_": ("ReLU", writing(lambda x: x.clamp_(min=0.0))),
    "clip": ("ReLU", lambda x: torch.clip(x, 0)),
    "clamp_min": ("ReLU", lambda x: torch.clamp_min(x, 0)),
    "threshold": ("ReLU", nn.Threshold(0, 0)),
    "maximum": ("ReLU", lambda x: torch.maximum(x, torch.zeros(()))),
    "maximum, turned": ("ReLU", lambda x: torch.max(torch.zeros_like(x), x)),
    "mask": ("ReLU", lambda x: x * (x > 0)),
    "mask of numbers, turned": ("ReLU", lambda x: (x >= 0).float() * x),
    "mask in place": ("ReLU", lambda x: x.mul_(x > 0)),
    "torch.where": ("ReLU", lambda x: torch.where(x > 0, x, 0.0)),
    "torch.where by names": ("ReLU", lambda x: torch.where(condition=x < 0, other=x, input=torch.zeros(()))),
    "Tensor.where": ("ReLU", lambda x: x.where(x > 0, torch.zeros_like(x))),
    "masked_fill": ("ReLU", lambda x: x.masked_fill(x < 0, 0)),
    "masked_fill_": ("ReLU", writing(lambda x: x.masked_fill_(x < 0, 0))),
    "assigned": ("ReLU", assigned),
    "nn.ReLU6": ("ReLU6", nn.ReLU6()),
    "F.relu6 in place": ("ReLU6", lambda x: F.relu6(x, inplace=True)),
    "hardtanh": ("ReLU6", lambda x: F.hardtanh(x, 0.0, 6.0)),
    "clamp to six": ("ReLU6", lambda x: x.clamp(0, 6)),
    "nn.LeakyReLU": ("LeakyReLU", nn.LeakyReLU(SLOPE)),
    "leaky_relu_": ("LeakyReLU", writing(lambda x: F.leaky_relu_(x, SLOPE))),
    "torch.where of two": ("LeakyReLU", lambda x: torch.where(x > 0, x, SLOPE * x)),
    "maximum of two": ("LeakyReLU", lambda x: torch.maximum(SLOPE * x, x)),
    "rrelu": ("LeakyReLU", lambda x: F.rrelu(x, SLOPE - 0.1, SLOPE + 0.1)),
}


class Net(nn.Module):
    """Depthwise and dilated branches, batch norms, overlapping pooling of odd maps, a block with a sum in place."""

    def __init__(self, act):
        super().__init__()
        torch.manual_seed(0)
        self.depthwise = nn.Conv2d(3, 6, 3, groups=3)
        self.dilated = nn.Conv2d(3, 2, 3, padding=1, dilation=2)
        self.pool = nn.MaxPool2d(3, 2)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.fc1, self.fc2 = nn.Linear(8 * 16, 12), nn.Linear(12, 5)
        self.bn.running_mean.normal_()
        self.bn.weight.data.uniform_(2, 4)  # so that some numbers are beyond six
        self.act = act

    def forward(self, x):
        x = self.act(torch.cat([self.depthwise(x), self.dilated(x)[..., :9, :9]], 1))
        x = self.pool(x)
        y = self.bn(self.conv(x))
        y += x
        x = self.act(y)
        return self.fc2(self.act(self.fc1(x.flatten(1))))


@pytest.fixture
def inputs():
    return 3 * torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).numpy()


def open_(module):
    return load_model(module, preprocess=Preprocess(SIDE, mean=0.5, std=0.25))


def by_hand(module, inputs, seed):
    x = torch.from_numpy(inputs).requires_grad_()
    return torch.autograd.grad(module.eval()(x), x, torch.from_numpy(seed))[0].numpy()


SEED = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_rectifier_follows_the_rule(form, rule, inputs):
    """One activation is called three times here, so a module among them is one that is used again."""
    kind, act = FORMS[form]
    found = open_(Net(act)).vjp(inputs, SEED, rule=RULES[rule])
    oracle = Net(lambda x: ByHand.apply(x, kind, rule))
    expected = by_hand(oracle, inputs, SEED)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found.gradients["@input"], expected, atol=1e-6)
    np.testing.assert_allclose(found.logits, oracle(torch.from_numpy(inputs)).detach(), atol=1e-5)
    assert found.plain_at == ()


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize(("rule", "peer"), [("guided", GuidedBackprop), ("deconv", Deconvolution)])
def test_captum_agrees_where_every_rectifier_is_a_module_used_once(rule, peer, inputs):
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(4, 4, 3, dilation=1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5)),
    ).eval()
    expected = peer(module).attribute(torch.from_numpy(inputs).requires_grad_(), target=2).detach().numpy()
    seed = np.eye(5, dtype=np.float32)[[2] * 4]
    found = open_(module).vjp(inputs, seed, rule=RULES[rule]).gradients["@input"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize(("rule", "peer"), [("guided", GuidedBackprop), ("deconv", Deconvolution)])
def test_captum_gives_the_plain_gradient_of_functional_rectifiers_and_we_do_not(rule, peer, inputs):
    module, seed = Net(F.relu).eval(), np.eye(5, dtype=np.float32)[[2] * 4]
    captum = peer(module).attribute(torch.from_numpy(inputs).requires_grad_(), target=2).detach().numpy()
    np.testing.assert_allclose(captum, by_hand(module, inputs, seed), atol=1e-6)
    ours = open_(module).vjp(inputs, seed, rule=RULES[rule]).gradients["@input"]
    expected = by_hand(Net(lambda x: ByHand.apply(x, "ReLU", rule)), inputs, seed)
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert np.abs(ours - captum).max() > 1e-2


def test_nonlinearities_without_a_function_are_named_and_the_final_softmax_is_none(inputs):
    module = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(4 * 49, 5), nn.SiLU(inplace=True), nn.Linear(5, 5), nn.Softmax(1)),
    )
    model = open_(module)
    assert model.vjp(inputs, SEED, rule=RULES["guided"]).plain_at == ("1 (GELU)", "6 (SiLU)")
    assert model.vjp(inputs, SEED).plain_at == ()
    maps = np.ones((4, 4, 7, 7), np.float32)
    assert model.vjp(inputs, maps, at="3", rule=RULES["guided"]).plain_at == ("1 (GELU)",)
    negated = Rule("negated", {"Dense": lambda g, x, y, layer: layer.back(g)})
    assert model.vjp(inputs, SEED, rule=negated).plain_at == ()


class Squared(torch.autograd.Function):
    """A stranger's rectifier, of which torch sees nothing but its node in the graph."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0) ** 2

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0].clamp(min=0) * gradient


HIDDEN = {
    "autograd.Function (Squared)": Squared.apply,
    "autograd (Abs)": lambda x: (x + x.abs()) / 2,
    "autograd (Pow)": lambda x: F.relu(x) ** 2,
    "autograd (Minimum)": lambda x: torch.minimum(F.relu(x), torch.full_like(x, 6)),
    "F.where (Gate)": lambda x: torch.where(x > 1, x, 0.5),
    "F.mul (Gate)": lambda x: x * (2 * (x > 0) - 1),
    "autograd (Sign)": lambda x: x * torch.sign(x),
    "F.masked_fill (Gate)": lambda x: x.masked_fill(x > 1, 1),
    "F.setitem (Gate)": lambda x: (x.__setitem__(x > 1, 1.0), x)[1],
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_no_rule_can_reach_is_named(name, inputs):
    model = open_(Net(HIDDEN[name]))
    found = model.vjp(inputs, SEED, rule=RULES["guided"]).plain_at
    assert {re.sub(r"#\d", "", each) for each in found} == {name}
    assert model.vjp(inputs, SEED).plain_at == ()


def test_masks_that_the_image_does_not_decide_are_no_gates(inputs):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 2, 4), nn.Linear(128, 5)
            self.scale = nn.Parameter(torch.rand(1, 2, 8, 8))

        def forward(self, x):
            x = F.softsign(self.conv(x)) * self.scale
            x = torch.where(self.scale > 0.5, x, 0.0).masked_fill(self.scale < 0.7, 0)
            x[:, :, 0] = 0
            return self.fc(x.flatten(1))

    assert open_(Net()).vjp(inputs, SEED, rule=RULES["guided"]).plain_at == ("F.softsign (Softsign)",)


def test_attention_is_named_though_its_softmax_is_out_of_reach(inputs):
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.mix = nn.Conv2d(3, 8, 3), nn.MultiheadAttention(8, 2, batch_first=True)
            self.fc = nn.Linear(8, 5)

        def forward(self, x):
            x = F.relu(self.stem(x)).flatten(2).transpose(1, 2)
            return self.fc(self.mix(x, x, x)[0].mean(1))

    found = open_(Attending()).vjp(inputs, SEED, rule=RULES["guided"])
    assert found.plain_at == ("mix.F.multi_head_attention_forward (Softmax)",)


def test_a_program_of_torch_export_follows_the_rule(inputs, tmp_path):
    module = Net(nn.ReLU(inplace=True)).eval()
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(module, (torch.from_numpy(inputs),)), path)
    model = load_model(path, preprocess=Preprocess(SIDE, mean=0.5, std=0.25), trust=True)
    found = model.vjp(inputs, SEED, rule=RULES["guided"]).gradients["@input"]
    expected = by_hand(Net(lambda x: ByHand.apply(x, "ReLU", "guided")), inputs, SEED)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_inner_layers_seeds_by_function_and_activations_go_with_a_rule(inputs):
    module = Net(writing(nn.ReLU(inplace=True)))
    oracle = Net(lambda x: ByHand.apply(x, "ReLU", "guided")).eval()
    x = torch.from_numpy(inputs).requires_grad_()
    stem = torch.cat([oracle.depthwise(x), oracle.dilated(x)[..., :9, :9]], 1)
    pooled = oracle.pool(oracle.act(stem))
    maps = oracle.bn(oracle.conv(pooled)) + pooled
    hidden = oracle.fc1(oracle.act(maps).flatten(1))
    seed = (hidden == hidden.amax(1, keepdim=True)).float()
    expected = torch.autograd.grad(hidden, [x, pooled, maps], seed)
    found = open_(module).vjp(
        inputs,
        lambda logits, kept: (kept["fc1"] == kept["fc1"].max(1, keepdims=True)).astype(np.float32),
        at="fc1",
        wrt=("@input", "pool", "F.add"),
        keep=("F.add", "fc1"),
        rule=RULES["guided"],
    )
    for name, gradient in zip(("@input", "pool", "F.add"), expected, strict=True):
        np.testing.assert_allclose(found.gradients[name], gradient.numpy(), atol=1e-6)
    np.testing.assert_allclose(found.activations["F.add"], maps.detach(), atol=1e-5)
    np.testing.assert_allclose(found.activations["fc1"], hidden.detach(), atol=1e-5)


def test_what_is_written_over_later_is_what_the_rule_sees_as_it_was(inputs):
    """The network adds to the input of a rectifier, and doubles its output, after it ran."""
    seen = []

    class Careless(Net):
        def forward(self, x):
            before = self.depthwise(x)
            after = F.relu(before)
            pooled = after.mean((2, 3))
            before += 1
            after.mul_(2)
            return self.fc2(torch.cat([pooled, after.amax((2, 3))], 1))

    class Careful(Net):
        def forward(self, x):
            after = F.relu(self.depthwise(x))
            return self.fc2(torch.cat([after.mean((2, 3)), (2 * after).amax((2, 3))], 1))

    def look(gradient, x, y, layer):
        seen.append((x.numpy().copy(), y.numpy().copy()))
        return layer.back(gradient)

    module = Careless(None)
    found = open_(module).vjp(inputs, SEED, rule=Rule("looks", {"ReLU": look}))
    np.testing.assert_allclose(found.gradients["@input"], by_hand(Careful(None), inputs, SEED), atol=1e-6)
    before = module.depthwise(torch.from_numpy(inputs)).detach()
    np.testing.assert_allclose(seen[0][0], before, atol=1e-6)
    np.testing.assert_allclose(seen[0][1], before.clamp(min=0), atol=1e-6)
