"""All functions of torch that a backward rule may be for, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from nnlens.models.torch.kinds import NONLINEAR_READERS, Reader
from nnlens.models.torch.linear_kinds import LINEAR_READERS
from nnlens.rules import KINDS, NONLINEAR, Rule

READERS: Mapping[str, Reader] = {**NONLINEAR_READERS, **LINEAR_READERS}
EAGER = frozenset({"Convolution", "Dense", "Normalization", "AveragePooling", "MaxPooling"})
"""Kinds that keep a graph of their own from the start: another forward pass costs more there than the graph."""


def readers_for(rule: Rule) -> Mapping[str, Reader]:
    """Return the readers that a rule needs: each costs time on every call of its function."""
    kinds = {*rule.backward, *rule.absorbing}
    return {
        **({} if NONLINEAR.isdisjoint(kinds) else NONLINEAR_READERS),
        **({} if kinds.isdisjoint(KINDS - NONLINEAR) else LINEAR_READERS),
    }
