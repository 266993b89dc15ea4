"""Attributions by hand in torch: every rectifier written out, and layers watched by a hook of our own."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn


class Bent(torch.autograd.Function):
    """A nonlinearity with the backward rule of a paper."""

    @staticmethod
    def forward(ctx, x, rule, low, top):
        ctx.save_for_backward(x)
        ctx.rule, ctx.low, ctx.top = rule, low, top
        return torch.where(x > 0, x.clamp(max=top), low * x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        slope = torch.where(x > 0, (x < ctx.top).float(), torch.full_like(x, ctx.low))
        return gradient.clamp(min=0) * (slope if ctx.rule == "guided" else 1), None, None, None


class BentModule(nn.Module):
    def __init__(self, rule, low=0.0, top=torch.inf):
        super().__init__()
        self.settings = rule, low, top

    def forward(self, x):
        return Bent.apply(x, *self.settings)


class BentFunctions:
    def __init__(self, rule):
        self._rule = rule

    def relu(self, x, inplace=False):
        return Bent.apply(x, self._rule, 0.0, torch.inf)

    def leaky_relu(self, x, slope):
        return Bent.apply(x, self._rule, slope, torch.inf)


def by_hand(module, rule):
    """Return a copy of a network with every nonlinearity replaced by one that follows the rule."""
    module = copy.deepcopy(module)
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU | nn.ReLU6):
                setattr(part, name, BentModule(rule, 0.0, 6.0 if isinstance(child, nn.ReLU6) else torch.inf))
    module.functional = BentFunctions(rule)
    return module


def gradient(module, inputs, target):
    inputs = inputs.clone().requires_grad_()
    return torch.autograd.grad(module(inputs)[range(len(inputs)), target].sum(), inputs)[0]


def run_watched(module, inputs, layer, owner=None):
    """Return the logits and what a layer gives, in one graph, by a hook of our own; the owner has the layer."""
    seen = []

    def hook(_, __, output):
        seen.append(output.clone())  # before a rectifier writes over it
        return seen[0]

    handle = (owner or module).get_submodule(layer).register_forward_hook(hook)
    logits = module(inputs)
    handle.remove()
    return logits, seen[0]


def activation_and_gradient(module, inputs, target, layer, owner=None):
    logits, maps = run_watched(module, inputs.clone().requires_grad_(), layer, owner)
    slopes = torch.autograd.grad(logits[range(len(inputs)), target].sum(), maps)[0]
    return maps.detach().double(), slopes.double()


def gradcam(activation, slopes):
    return ((slopes.mean((2, 3), keepdim=True) * activation).sum(1)).clamp(min=0)


def gradcam_plus_plus(activation, slopes):
    """Equation 19 of the paper, place by place."""
    alpha = slopes**2 / (2 * slopes**2 + activation.sum((2, 3), keepdim=True) * slopes**3)
    alpha = torch.where(slopes == 0, 0, alpha)
    weight = (alpha * slopes.clamp(min=0)).sum((2, 3), keepdim=True)
    return (weight * activation).sum(1).clamp(min=0)


def hirescam(activation, slopes):
    return (slopes * activation).sum(1)


def smoothgrad(module, inputs, target, seed, count, noise, join):
    """Return the mean saliency of copies with the noise that the analysis draws from this seed."""
    drawn = np.random.default_rng(np.random.default_rng(seed).integers(2**62))
    spread = noise * (inputs.amax((1, 2, 3), True) - inputs.amin((1, 2, 3), True))
    total = 0
    for each in drawn.standard_normal((count, *inputs.shape[1:]), dtype=np.float32):
        slopes = gradient(module, inputs + torch.from_numpy(each) * spread, target).abs()
        total = total + (slopes.amax(1) if join == "max" else slopes.sum(1)) / count
    return total


def rise(module, inputs, target, masks, expectation):
    """Return the mean of masks, each weighted by how probable the target is where it shows the image."""
    total = 0
    for mask in torch.from_numpy(masks):
        with torch.no_grad():
            chances = module(inputs * mask).softmax(1)[range(len(inputs)), target]
        total = total + chances[:, None, None] * mask / len(masks) / expectation
    return total
