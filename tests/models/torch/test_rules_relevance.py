"""Steps with weights, what is absorbed and merged: relevance propagation written for the test, against naive passes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlens.models import Preprocess, load_model
from nnlens.rules import ABSORBED, Rule

SIDE, EPSILON = 9, 1e-6


def stabilized(z):
    return z + EPSILON * ((z >= 0) * 2.0 - 1)


def epsilon(relevance, x, z, layer):
    return x * layer.back(relevance / stabilized(z))


def share(relevance, x, z, layer):
    return tuple(each * relevance / stabilized(z) for each in x)


def z_plus(relevance, x, z, layer):
    def positive(weight):
        return weight * (weight > 0)

    ratio = relevance / stabilized(layer.forward(x, positive))
    return x * layer.back(ratio, positive)


LINEAR = ("Convolution", "Dense", "Normalization", "AveragePooling")
RULES = dict.fromkeys(LINEAR, epsilon) | {"ReLU": lambda relevance, x, z, layer: relevance, "Add": share}
EPS = Rule("eps", RULES, frozenset(LINEAR))
MERGED = Rule("eps merged", RULES, frozenset(LINEAR), merge_norms=True)
PLUS = Rule("plus", RULES | {"Convolution": z_plus}, frozenset(LINEAR), merge_norms=True)


class Net(nn.Module):
    """Conv, norm, rectifier and pooling; a residual sum in place; an average over space; a dense layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)
        for bn in (self.bn1, self.bn2):
            bn.running_mean.normal_()
            bn.running_var.uniform_(0.5, 2)
            bn.weight.data.uniform_(-2, 2)
            bn.bias.data.normal_()

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(x))
        y += x
        return self.fc(F.adaptive_avg_pool2d(F.relu(y), 1).flatten(1))


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)


SEED = np.random.default_rng(1).normal(size=(2, 5)).astype(np.float32)


def open_(module):
    return load_model(module, preprocess=Preprocess(SIDE, mean=0.5, std=0.25))


def matrix(layer, shape):
    """The weights of any linear layer as a dense matrix (in, out), and what comes out of zeros."""
    with torch.no_grad():
        basis = torch.eye(int(np.prod(shape)), dtype=torch.float64).reshape(-1, *shape)
        bias = layer(torch.zeros(1, *shape, dtype=torch.float64))
        return (layer(basis) - bias).flatten(1).numpy(), bias.flatten().numpy()


class Naive:
    """Relevance propagation in double precision with matrices: R_j = Σ_k x_j w_jk R_k / z_k."""

    def __init__(self, merged, plus=False):
        self.absorbed, self.merged, self.plus = 0, merged, plus

    def down(self, layer, x, relevance, plus=False):
        x = np.asarray(x)
        weights, bias = matrix(layer, x.shape[1:])
        if plus:
            weights, bias = np.maximum(weights, 0), np.maximum(bias, 0)
        flat = x.reshape(len(x), -1)
        z = flat @ weights + bias
        back = flat * ((relevance.reshape(len(x), -1) / stabilized(z)) @ weights.T)
        self.absorbed += relevance.reshape(len(x), -1).sum(1) - back.sum(1)
        return back.reshape(x.shape)

    def conv_norm(self, conv, bn, x, relevance):
        if self.merged:
            return self.down(lambda value: bn(conv(value)), x, relevance, self.plus)
        z = conv(torch.from_numpy(np.asarray(x))).detach()
        return self.down(conv, x, self.down(bn, z, relevance), self.plus)

    def __call__(self, net, inputs):
        net = net.double().eval()
        with torch.no_grad():
            x0 = torch.from_numpy(inputs).double()
            x1 = F.relu(net.bn1(net.conv1(x0)))
            y = net.bn2(net.conv2(x1))
            total = y + x1
            last = F.relu(total)
            pooled = last.mean((2, 3))
        relevance = self.down(net.fc, pooled, SEED.astype(np.float64))
        relevance = self.down(lambda value: value.mean((2, 3)), last, relevance)
        ratio = relevance / stabilized(total.numpy())
        branch = self.conv_norm(net.conv2, net.bn2, x1, ratio * y.numpy())
        self.at_sum = relevance
        return self.conv_norm(net.conv1, net.bn1, x0, branch + ratio * x1.numpy())


@pytest.mark.parametrize(("rule", "merged", "plus"), [(EPS, False, False), (MERGED, True, False)])
def test_relevance_is_that_of_a_naive_pass(rule, merged, plus, inputs):
    net = Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = open_(net).vjp(inputs, SEED, wrt=("@input", "F.add", ABSORBED), rule=rule)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    naive = Naive(merged, plus)
    expected = naive(net, inputs)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.gradients["@input"] / scale, expected / scale, atol=1e-4)
    np.testing.assert_allclose(found.gradients["F.add"], naive.at_sum, atol=1e-4)
    np.testing.assert_allclose(found.gradients[ABSORBED] / scale, naive.absorbed / scale, atol=1e-4)


def test_nothing_of_relevance_is_lost(inputs):
    found = open_(Net()).vjp(inputs, SEED, wrt=("@input", ABSORBED), rule=MERGED).gradients
    total = found["@input"].reshape(2, -1).sum(1) + found[ABSORBED]
    np.testing.assert_allclose(total, SEED.sum(1), rtol=1e-3, atol=1e-3)


def test_changed_weights_are_those_of_the_merged_pair(inputs):
    positive = np.abs(inputs)
    found = open_(Net()).vjp(positive, SEED, wrt=("@input", ABSORBED), rule=PLUS).gradients
    naive = Naive(merged=True, plus=True)
    expected = naive(Net(), positive)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found["@input"] / scale, expected / scale, atol=1e-4)
    np.testing.assert_allclose(found[ABSORBED] / scale, naive.absorbed / scale, atol=1e-4)


def test_a_norm_whose_input_goes_elsewhere_too_is_not_merged(inputs):
    class Shared(Net):
        def forward(self, x):
            maps = self.conv1(x)
            return self.fc(torch.relu(self.bn1(maps)).mean((2, 3)) + maps.mean((2, 3)))

    kinds = []

    def note(gradient, x, z, layer):
        kinds.append((layer.name, layer.kind))
        return layer.back(gradient)

    rule = Rule("notes", dict.fromkeys(("Convolution", "Normalization"), note), merge_norms=True)
    plain = open_(Shared()).vjp(inputs, SEED).gradients["@input"]
    found = open_(Shared()).vjp(inputs, SEED, rule=rule).gradients["@input"]
    assert kinds == [("bn1", "Normalization"), ("conv1", "Convolution")]
    np.testing.assert_allclose(found, plain, atol=1e-5)
    kinds.clear()
    found = open_(Net()).vjp(inputs, SEED, rule=rule).gradients["@input"]
    assert kinds == [("conv2", "Convolution"), ("conv1", "Convolution")]
    np.testing.assert_allclose(found, open_(Net()).vjp(inputs, SEED).gradients["@input"], atol=1e-5)


def statistics(w):
    return w(3).detach(), w(3).detach() ** 2 + 1


ALL = {
    "conv1d": ("Convolution", lambda x, w: F.conv1d(x.flatten(2), w(4, 3, 3), stride=2)),
    "conv2d in groups": ("Convolution", lambda x, w: F.conv2d(x, w(6, 1, 3, 3), w(6), groups=3, dilation=2)),
    "conv2d by name": ("Convolution", lambda x, w: F.conv2d(input=x, weight=w(4, 3, 3, 3), bias=w(4))),
    "conv_transpose2d": ("Convolution", lambda x, w: F.conv_transpose2d(x, w(3, 2, 3, 3), w(2), stride=2)),
    "conv_transpose2d in groups": (
        "Convolution",
        lambda x, w: F.conv_transpose2d(x, w(3, 2, 3, 3), groups=3),
    ),
    "linear": ("Dense", lambda x, w: F.linear(x, w(4, SIDE), w(4))),
    "matmul": ("Dense", lambda x, w: x @ w(SIDE, 4)),
    "matmul from the left": ("Dense", lambda x, w: w(4, SIDE) @ x),
    "addmm": ("Dense", lambda x, w: torch.addmm(w(4), x.flatten(1), w(3 * SIDE * SIDE, 4))),
    "batch_norm": (
        "Normalization",
        lambda x, w: F.batch_norm(x, *statistics(w), w(3), w(3), eps=0.1),
    ),
    "batch_norm without weights": ("Normalization", lambda x, w: F.batch_norm(x, *statistics(w))),
    "torch.batch_norm": (
        "Normalization",
        lambda x, w: torch.batch_norm(x, w(3), w(3), *statistics(w), False, 0.1, 0.1, False),
    ),
    "avg_pool2d": ("AveragePooling", lambda x, w: F.avg_pool2d(x, 3, 2, 1)),
    "avg_pool2d, all flags": ("AveragePooling", lambda x, w: F.avg_pool2d(x, 3, 2, 1, True, True)),
    "adaptive_avg_pool2d": ("AveragePooling", lambda x, w: F.adaptive_avg_pool2d(x, 2)),
    "mean over space": ("AveragePooling", lambda x, w: x.mean((2, 3))),
    "mean, kept": ("AveragePooling", lambda x, w: x.mean(dim=[-2, -1], keepdim=True)),
    "max_pool2d": ("MaxPooling", lambda x, w: F.max_pool2d(x, 3, 2)),
    "adaptive_max_pool2d": ("MaxPooling", lambda x, w: F.adaptive_max_pool2d(x, 2)),
    "amax": ("MaxPooling", lambda x, w: x.amax((2, 3))),
    "add": ("Add", lambda x, w: x + x.flip(2).mean(3, keepdim=True)),
    "add_": ("Add", lambda x, w: (2 * x).add_(x.flip(2))),
    "mul": ("Multiply", lambda x, w: x * x.flip(2).mean(3, keepdim=True)),
    "mul_": ("Multiply", lambda x, w: (2 * x).mul_(x.flip(2))),
}
OTHERS = {
    "add of a constant": lambda x, w: x + w(3, 1, 1),
    "mul by a constant": lambda x, w: x * w(3, 1, 1),
    "mean over samples": lambda x, w: x * 1 + x.mean(0).detach(),
    "norm of the batch": lambda x, w: F.batch_norm(x, None, None, training=True),
    "weights from the image": lambda x, w: F.conv2d(x, x[:4, :, :3, :3].repeat(2, 1, 1, 1)),
}


class Calling(nn.Module):
    def __init__(self, function):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.function, self.drawn, self.fc = function, [], nn.LazyLinear(5)
        self.made = nn.ParameterList()

        def first(*shape):
            self.made.append(nn.Parameter(torch.randn(*shape, generator=generator)))
            return self.made[-1]

        self.fc(function(torch.zeros(2, 3, SIDE, SIDE), first).flatten(1))

    def forward(self, x):
        made = iter(self.made)
        return self.fc(self.function(x, lambda *shape: next(made)).flatten(1))


def passing(seen):
    def rule(gradient, x, z, layer):
        seen.append(layer.kind)
        if layer.kind in LINEAR:
            with_bias = layer.forward(x)
            np.testing.assert_allclose(with_bias, z, atol=1e-5)
            doubled = layer.forward(x, lambda weight: 2 * weight)
            same = 1 if layer.kind == "AveragePooling" else 2
            np.testing.assert_allclose(doubled, same * z, atol=1e-4)
            straight = layer.forward(2 * x, bias=False) - layer.forward(x, bias=False)
            np.testing.assert_allclose(straight, layer.forward(x, bias=False), atol=1e-4)
            back = layer.back(gradient, lambda weight: 2 * weight)
            np.testing.assert_allclose(back, same * layer.back(gradient), atol=1e-4)
        return layer.back(gradient)

    return rule


@pytest.mark.parametrize("form", [*ALL, *OTHERS])
def test_every_form_is_of_its_kind_and_goes_back_as_autograd_does(form, inputs):
    """And its own forward pass is the layer's, also with changed weights and without bias."""
    kind, function = ALL.get(form) or (None, OTHERS[form])
    seen, module = [], Calling(function)
    kinds = ("Convolution", "Dense", "Normalization", "AveragePooling", "MaxPooling", "Add", "Multiply")
    model = open_(module)
    found = model.vjp(inputs, SEED, rule=Rule("passes", dict.fromkeys(kinds, passing(seen))))
    np.testing.assert_allclose(
        found.gradients["@input"], model.vjp(inputs, SEED).gradients["@input"], atol=1e-5
    )
    assert kind in seen if kind else set(seen) <= {"Dense"}
    assert seen[0] == "Dense"  # the one that follows
    np.testing.assert_allclose(found.logits, model.predict(inputs), atol=1e-5)
