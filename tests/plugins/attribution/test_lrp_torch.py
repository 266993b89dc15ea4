"""Relevance propagation on torch networks, against the same done by hand one layer at a time, and against Captum."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from nnlens_attribution.lrp_rules import relevance_rule

from nnlens import Preprocess, load_model
from nnlens.rules import ABSORBED

torch = pytest.importorskip("torch", reason="torch is an extra")
captum = pytest.importorskip("captum.attr", reason="captum is a test dependency")
nn = torch.nn
F = torch.nn.functional

EPSILON, GAMMA = 1e-4, 0.3
KINDS = ("epsilon", "gamma", "z-plus")


def stable(z):
    return z + EPSILON * torch.where(z >= 0, 1.0, -1.0)


def back(layer, x, relevance):
    """Share relevance in proportion to x times weight: the tutorial's way, by the layer's own gradient."""
    x = x.detach().requires_grad_()
    z = layer(x)
    return x.detach() * torch.autograd.grad(z, x, (relevance / stable(z)).detach())[0]


def changed(layer, change, bias=True):
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        layer.weight.copy_(change(layer.weight))
        if layer.bias is not None:
            layer.bias.copy_(change(layer.bias) if bias else 0 * layer.bias)
    return layer


def through(kind, layer, x, relevance):
    """Share the relevance of a convolution or dense layer among its inputs."""
    if kind == "epsilon":
        return back(layer, x, relevance)
    above, below = {
        "gamma": (lambda w: w + GAMMA * w.clamp(min=0), lambda w: w + GAMMA * w.clamp(max=0)),
        "z-plus": (lambda w: w.clamp(min=0), lambda w: w.clamp(max=0)),
    }[kind]
    parts = [
        (changed(layer, above), x.clamp(min=0)),
        (changed(layer, below, bias=False), x.clamp(max=0)),
    ]
    parts = [(part, x.detach().requires_grad_()) for part, x in parts]
    z = sum(part(x) for part, x in parts)
    share = (relevance / stable(z)).detach()
    return sum(x.detach() * torch.autograd.grad(part(x), x, share)[0] for part, x in parts)


def through_sequence(kind, layers, x, relevance):
    """Go back through modules one after another; pooling hands all to the winner, ReLUs hand on."""
    inputs = [x]
    for layer in layers:
        inputs.append(layer(inputs[-1].clone()).detach())
    for layer, x in zip(reversed(layers), reversed(inputs[:-1]), strict=True):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            relevance = through(kind, layer, x, relevance)
        elif isinstance(layer, nn.AdaptiveAvgPool2d | nn.AvgPool2d):
            relevance = back(layer, x, relevance)
        elif isinstance(layer, nn.MaxPool2d | nn.Flatten):
            x = x.detach().requires_grad_()
            relevance = torch.autograd.grad(layer(x), x, relevance)[0]
    return relevance


def through_residual(kind, module, x, relevance):
    """Go back through the network of conftest, its normalization fused by torch's own function."""
    first = nn.utils.fusion.fuse_conv_bn_eval(module.first, module.norm)
    one = F.relu(first(x)).detach()
    two = module.inner(one).detach()
    three = F.relu(one + two)
    relevance = through(kind, module.head, three.mean((2, 3)), relevance)
    relevance = back(lambda maps: maps.mean((2, 3)), three, relevance)
    share = relevance / stable(one + two)
    relevance = one * share + through(kind, module.inner, one, two * share)
    return through(kind, first, x, relevance)


def by_hand(kind, module, x, target):
    logits = module(x.clone()).detach()
    relevance = torch.zeros_like(logits)
    relevance[range(len(x)), target] = logits[range(len(x)), target]
    if isinstance(module, nn.Sequential):
        return through_sequence(kind, list(module), x, relevance)
    return through_residual(kind, module, x, relevance)


def ours(model, inputs, target, rule, **parameters):
    logits = model.predict(inputs)
    seed = np.zeros_like(logits)
    seed[range(len(inputs)), target] = logits[range(len(inputs)), target]
    return model.vjp(inputs, seed, wrt=("@input", ABSORBED), rule=relevance_rule(rule, EPSILON, GAMMA))


@pytest.mark.parametrize("name", ["plain", "residual", "in place"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_one_gets_by_hand(network_named, name, pictures, agree, kind):
    module, model, _ = network_named(name)
    inputs = model.prepare(pictures["image"].values)
    target = model.predict(inputs).argmax(1)
    found = ours(model, inputs, target, kind).gradients["@input"]
    oracle = by_hand(kind, module, torch.from_numpy(inputs), target).numpy()
    agree(f"lrp {kind}", name, "layer by layer by hand", found, oracle)


def test_the_epsilon_rule_is_captums(pictures, agree):
    """Where every layer is a module that is called once, Captum can."""
    from captum.attr._utils.lrp_rules import EpsilonRule

    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 9, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9 * 2 * 2, 12), nn.ReLU(), nn.Linear(12, 5)),
    ).eval()
    model = load_model(module, preprocess=Preprocess((16, 18), mean=0.4, std=0.3))
    inputs = model.prepare(pictures["image"].values)
    target = torch.from_numpy(model.predict(inputs).argmax(1))
    module[6].rule = EpsilonRule()  # it knows no flattening
    oracle = captum.LRP(module).attribute(torch.from_numpy(inputs).requires_grad_(), target).detach().numpy()
    logits = model.predict(inputs)
    seed = np.where(np.arange(5) == target.numpy()[:, None], logits, 0).astype(np.float32)
    found = model.vjp(inputs, seed, rule=relevance_rule("epsilon", 1e-9, 0)).gradients["@input"]
    agree("lrp epsilon", "plain", "Captum", found, oracle)


def test_what_arrives_and_what_biases_keep_make_up_the_logit(network, pictures):
    _, model, _ = network
    inputs = model.prepare(pictures["image"].values)
    logits = model.predict(inputs)
    target = logits.argmax(1)
    passed = ours(model, inputs, target, "epsilon")
    arrived = passed.gradients["@input"].sum((1, 2, 3)) + passed.gradients[ABSORBED]
    np.testing.assert_allclose(arrived, logits[range(7), target], rtol=1e-2, atol=1e-3)
