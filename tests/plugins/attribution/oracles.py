"""Attributions by hand in torch: every rectifier written out, and layers watched by a hook of our own."""

from __future__ import annotations

import copy

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


def run_watched(module, inputs, layer):
    """Return the logits and what a layer gives, in one graph, by a hook of our own."""
    seen = []

    def hook(_, __, output):
        seen.append(output.clone())  # before a rectifier writes over it
        return seen[0]

    handle = module.get_submodule(layer).register_forward_hook(hook)
    logits = module(inputs)
    handle.remove()
    return logits, seen[0]


def activation_and_gradient(module, inputs, target, layer):
    logits, maps = run_watched(module, inputs.clone().requires_grad_(), layer)
    slopes = torch.autograd.grad(logits[range(len(inputs)), target].sum(), maps)[0]
    return maps.detach().double(), slopes.double()
