"""All functions of torch that a backward rule may be for, by their names."""

from __future__ import annotations

from collections.abc import Mapping

from nnlens.models.torch.gates import GATE_READERS
from nnlens.models.torch.kinds import NONLINEAR_READERS, Reader
from nnlens.models.torch.linear_kinds import LINEAR_READERS
from nnlens.rules import KINDS, NONLINEAR, Rule


def _first(*readers: Reader) -> Reader:
    return lambda func, args, kwargs: next(
        filter(None, (reader(func, args, kwargs) for reader in readers)), None
    )


BENDING_READERS: Mapping[str, Reader] = {**NONLINEAR_READERS, **GATE_READERS}
BOTH_READERS = {
    name: _first(GATE_READERS[name], LINEAR_READERS[name]) for name in GATE_READERS.keys() & LINEAR_READERS
}
READERS: Mapping[str, Reader] = {**BENDING_READERS, **LINEAR_READERS, **BOTH_READERS}
EAGER = frozenset({"Convolution", "Dense", "Normalization", "AveragePooling", "MaxPooling"})
"""Kinds that keep a graph of their own from the start: another forward pass costs more there than the graph."""


def readers_for(rule: Rule) -> Mapping[str, Reader]:
    """Return the readers that a rule needs: each costs time on every call of its function."""
    kinds = {*rule.backward, *rule.absorbing}
    bends, weighs = not NONLINEAR.isdisjoint(kinds), not kinds.isdisjoint(KINDS - NONLINEAR)
    if bends and weighs:
        return READERS
    return {**(BENDING_READERS if bends else {}), **(LINEAR_READERS if weighs else {})}
