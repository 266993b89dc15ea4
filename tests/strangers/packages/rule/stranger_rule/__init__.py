"""A backward rule of a stranger, and something else that is called one."""

from nnlens.rules import Rule

NUMBER = 5


def _positive(gradient, inputs, output, layer):
    return layer.back(gradient * (gradient > 0))


positive = Rule("stranger-positive", {"ReLU": _positive})
