"""The backward rules of layer-wise relevance propagation, built for their parameters.

What travels backward is relevance: each rule shares what arrives at an output among the inputs, in proportion to what
they contributed. Max pooling, flattening, joining and the like need none: there the gradient already hands everything
to the inputs that it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nnlens.rules import Backward, Rule, Step

Array = Any

RULES = ("composite", "epsilon", "gamma", "z-plus")
"""Composite is z-plus at convolutions and epsilon everywhere else."""
PASSING = ("ReLU", "ReLU6", "LeakyReLU")
"""Nonlinearities that hand relevance on as it is: each output comes from one input."""
LINEAR = ("Convolution", "Dense", "Normalization", "AveragePooling")


@lru_cache(maxsize=64)
def relevance_rule(rule: str, epsilon: float, gamma: float) -> Rule:
    """Return the rule of a kind; the same one for the same parameters, as adapters keep what they built for it.

    Parameters
    ----------
    rule : str
        Of `RULES`.
    epsilon, gamma : float
    """
    small = epsilon_rule(epsilon)
    weighted: dict[str, tuple[Backward, Backward]] = {
        "composite": (z_plus_rule(epsilon), small),
        "epsilon": (small, small),
        "gamma": (gamma_rule(epsilon, gamma),) * 2,
        "z-plus": (z_plus_rule(epsilon),) * 2,
    }
    convolution, dense = weighted[rule]
    backward: dict[str, Backward] = dict.fromkeys(LINEAR, small) | dict.fromkeys(PASSING, hand_on)
    backward |= {"Convolution": convolution, "Dense": dense, "Add": addition_rule(epsilon)}
    return Rule(f"lrp {rule} {epsilon:g} {gamma:g}", backward, frozenset(LINEAR), merge_norms=True)


def hand_on(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001 - a rule's form
    """Hand relevance on as it is."""
    return gradient


def epsilon_rule(epsilon: float) -> Backward:
    """Return R_j = Σ_k x_j w_jk / (z_k + ε sign z_k) R_k; what the bias contributed stays with it."""

    def rule(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:
        return inputs * layer.back(gradient / stabilized(output, epsilon))

    return rule


def gamma_rule(epsilon: float, gamma: float) -> Backward:
    """Return the epsilon rule with what speaks for an output made stronger by γ.

    That is w + γ w⁺ where the input is positive, as published, and w + γ w⁻ where it is negative.
    """

    def rule(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001
        return _by_sign(
            gradient,
            inputs,
            layer,
            epsilon,
            lambda weight: weight + gamma * positive(weight),
            lambda weight: weight + gamma * negative(weight),
        )

    return rule


def z_plus_rule(epsilon: float) -> Backward:
    """Return the rule that shares relevance among positive contributions only: x⁺w⁺ and x⁻w⁻."""

    def rule(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001
        return _by_sign(gradient, inputs, layer, epsilon, positive, negative)

    return rule


def addition_rule(epsilon: float) -> Backward:
    """Return the rule that shares relevance among two summands in proportion to their values."""

    def rule(gradient: Array, inputs: tuple[Array, Array], output: Array, layer: Step) -> tuple[Array, Array]:  # noqa: ARG001
        one, other = inputs
        share = gradient / stabilized(output, epsilon)
        return one * share, other * share

    return rule


def _by_sign(
    gradient: Array,
    inputs: Array,
    layer: Step,
    epsilon: float,
    above: Callable[[Array], Array],
    below: Callable[[Array], Array],
) -> Array:
    """Share relevance with the weights changed one way for positive inputs and another for negative ones."""
    up, down = positive(inputs), negative(inputs)
    output = layer.forward(up, above) + layer.forward(down, below, bias=False)
    share = gradient / stabilized(output, epsilon)
    return up * layer.back(share, above) + down * layer.back(share, below)


def positive(array: Array) -> Array:
    """Return the positive part."""
    return (array + abs(array)) / 2


def negative(array: Array) -> Array:
    """Return the negative part."""
    return (array - abs(array)) / 2


def stabilized(array: Array, epsilon: float) -> Array:
    """Return an array that is nowhere closer to zero than ε, which counts as positive at zero."""
    return array + epsilon * (array >= 0) - epsilon * (array < 0)
