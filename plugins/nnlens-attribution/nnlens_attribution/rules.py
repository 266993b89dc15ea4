"""The backward rules of guided backpropagation and of the deconvnet, found by their names in `nnlens.rules`."""

from __future__ import annotations

from typing import Any

from nnlens.rules import Rule, Step

Array = Any


def guided_relu(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001 - a rule's form
    """Let a positive gradient pass where the output is positive."""
    return gradient * (gradient > 0) * (output > 0)


def guided_relu6(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001
    """Let a positive gradient pass where the output is neither zero nor at the top."""
    return gradient * (gradient > 0) * (output > 0) * (output < layer.settings["top"])


def guided_leaky(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001
    """Let a positive gradient pass, times the slope where the input is negative."""
    return gradient * (gradient > 0) * ((inputs > 0) + layer.settings["slope"] * (inputs <= 0))


def positive(gradient: Array, inputs: Array, output: Array, layer: Step) -> Array:  # noqa: ARG001
    """Let a positive gradient pass, wherever it is."""
    return gradient * (gradient > 0)


GUIDED = Rule("guided-backprop", {"ReLU": guided_relu, "ReLU6": guided_relu6, "LeakyReLU": guided_leaky})
"""Springenberg et al., 2014, arXiv 1412.6806: the positive part of the gradient, times the derivative."""
DECONV = Rule("deconv", {"ReLU": positive, "ReLU6": positive, "LeakyReLU": positive})
"""Zeiler, Fergus, 2013, arXiv 1311.2901: the positive part of the gradient, without looking at the input."""
