"""Relevance propagation against the formulas of the papers, with every linear layer written out as a matrix."""

from __future__ import annotations

import numpy as np
import pytest
from nnlens_attribution.lrp_rules import RULES, relevance_rule, stabilized

from nnlens.rules import ABSORBED
from nnlens.testing import tiny_images, tiny_model

EPSILON, GAMMA = 1e-3, 0.4


def shares(kind, x, weights, bias):
    """Return contributions (input, output) and the denominators (output,) of one linear layer, in float64."""
    if kind == "gamma":
        changed = np.where(
            x[:, None] > 0, weights + GAMMA * weights.clip(0), weights + GAMMA * weights.clip(max=0)
        )
        bias = bias + GAMMA * bias.clip(0)
    elif kind == "z-plus":
        changed = np.where(x[:, None] > 0, weights.clip(0), weights.clip(max=0))
        bias = bias.clip(0)
    else:
        changed = weights
    parts = x[:, None] * changed
    total = parts.sum(0) + bias
    return parts, total + EPSILON * np.where(total >= 0, 1, -1)


def propagate(kind, relevance, x, weights, bias):
    """Share the relevance of outputs among inputs; also return what the bias and ε kept."""
    parts, total = shares(kind, x, weights, bias)
    down = (parts * (relevance / total)).sum(1)
    return down, relevance.sum() - down.sum()


def as_matrix(layer, shape):
    """Write a linear layer without bias as a matrix (input, output), by what it makes of each unit vector."""
    units = np.eye(int(np.prod(shape)), dtype=np.float32).reshape(-1, *shape)
    return layer.forward(units).reshape(len(units), -1).astype(float)


def naive(model, x, target, rule):
    """Return relevance of one input (1, y, x) and what was absorbed, layer by layer backwards."""
    kinds = {"composite": ("z-plus", "epsilon")}.get(rule, (rule, rule))
    steps = model._steps
    matrices = {
        "conv": as_matrix(steps["conv"], (1, 8, 8)),
        "fc1": as_matrix(steps["fc1"], (4, 8, 8)),
        "fc2": as_matrix(steps["fc2"], (12,)),
    }
    before = {"conv": x.ravel().astype(float)}
    before["fc1"] = np.maximum(before["conv"] @ matrices["conv"], 0)
    before["fc2"] = np.maximum(before["fc1"] @ matrices["fc1"], 0)
    logits = before["fc2"] @ matrices["fc2"]
    relevance, absorbed = np.where(np.arange(len(logits)) == target, logits, 0), 0.0
    for name in ("fc2", "fc1", "conv"):
        kind = kinds[0] if name == "conv" else kinds[1]
        relevance, kept = propagate(kind, relevance, before[name], matrices[name], np.zeros(1))
        absorbed += kept
    return relevance.reshape(1, 8, 8), absorbed


@pytest.mark.parametrize("rule", RULES)
def test_relevance_is_the_papers(rule):
    model = tiny_model()
    inputs = model.prepare(tiny_images(3)[0]) - np.float32(0.4)  # of both signs
    logits = model.predict(inputs)
    seed = np.zeros_like(logits)
    seed[:, 1] = logits[:, 1]
    found = model.vjp(inputs, seed, wrt=("@input", ABSORBED), rule=relevance_rule(rule, EPSILON, GAMMA))
    for place in range(3):
        relevance, absorbed = naive(model, inputs[place], 1, rule)
        scale = np.abs(relevance).max()
        np.testing.assert_allclose(found.gradients["@input"][place], relevance, atol=1e-4 * scale, rtol=1e-3)
        np.testing.assert_allclose(found.gradients[ABSORBED][place], absorbed, atol=1e-3 * scale)


def test_what_arrives_and_what_is_absorbed_make_up_the_logit():
    model = tiny_model()
    inputs = model.prepare(tiny_images(4)[0])
    logits = model.predict(inputs)
    seed = np.where(np.arange(3) == 0, logits, 0).astype(np.float32)
    for rule in RULES:
        found = model.vjp(inputs, seed, wrt=("@input", ABSORBED), rule=relevance_rule(rule, 1e-6, 0.25))
        arrived = found.gradients["@input"].sum((1, 2, 3)) + found.gradients[ABSORBED]
        np.testing.assert_allclose(arrived, logits[:, 0], rtol=1e-3, atol=1e-3)


def test_nothing_is_divided_by_zero():
    assert stabilized(np.array([0.0, 1.0, -1.0]), 0.5).tolist() == [0.5, 1.5, -1.5]


def test_equal_parameters_are_one_rule():
    """Adapters keep a graph for each rule that they met."""
    assert relevance_rule("gamma", 1e-6, 0.25) is relevance_rule("gamma", 1e-6, 0.25)
    assert relevance_rule("gamma", 1e-6, 0.25) is not relevance_rule("gamma", 1e-6, 0.5)
