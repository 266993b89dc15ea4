"""Backward rules: what layers do with the gradient that comes back through them.

``"plain"`` changes nothing: it is the gradient. Any other rule names kinds of layers and gives each a function of
(gradient, inputs, output, layer) that returns the gradient at the input. The functions are written with operators only,
so that one rule serves every framework::

    def guided(gradient, inputs, output, layer):
        return gradient * (gradient > 0) * (inputs > 0)

    register_rule(Rule("guided", {"ReLU": guided}))
    model.vjp(inputs, seed, rule="guided")

A rule is found by its name among those registered and those that packages bring by the entry-point group
``nnlens.rules``; `nnlens.models.base.Model.vjp` also takes the `Rule` itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from nnlens.disabling import DISABLE, distribution_name, is_disabled
from nnlens.errors import ModelError

PLAIN = "plain"
GROUP = "nnlens.rules"
ABSORBED = "@absorbed"
"""Among the layers whose gradient is wanted: what the kinds of `Rule.absorbing` kept, dims (sample,)."""

NONLINEAR = frozenset(
    {
        *(
            "ReLU",
            "ReLU6",
            "LeakyReLU",
            "PReLU",
            "ELU",
            "SELU",
            "CELU",
            "GELU",
            "SiLU",
            "Mish",
            "Sigmoid",
            "Tanh",
        ),
        *("Softplus", "Softsign", "Hardsigmoid", "Hardswish", "Hardtanh", "LogSigmoid", "Softmax", "GLU"),
    }
)
"""Kinds of elementwise nonlinearities, the same for modules, functions and what is fused into other layers."""
KINDS = NONLINEAR | {
    "Convolution",
    "Dense",
    "Normalization",
    "Add",
    "Multiply",
    "AveragePooling",
    "MaxPooling",
}
"""Kinds that mean the same in every framework. Any other kind is the class of a layer, by the framework's own name."""

Array = Any
"""A tensor of the framework, or what behaves like one: operators work, a comparison is a mask to multiply with."""


class Step(Protocol):
    """One call of a layer, as a rule sees it.

    Attributes
    ----------
    name : str
        Of the layer where it has one, else of the function.
    kind : str
        Of `KINDS`, or the class of the layer.
    settings : mapping of str to float
        ``slope`` of a LeakyReLU, ``top`` of a ReLU6.
    """

    name: str
    kind: str
    settings: Mapping[str, float]

    def back(self, gradient: Array, weight: Callable[[Array], Array] | None = None) -> Array:
        """Return the plain gradient at the input, or that of the same layer with its weights put through a function."""

    def forward(
        self, inputs: Array, weight: Callable[[Array], Array] | None = None, bias: bool = True
    ) -> Array:
        """Return what a Convolution, Dense, Normalization or AveragePooling makes of another input.

        Parameters
        ----------
        inputs : array
        weight : callable, optional
            The weights are put through it first, and the bias too.
        bias : bool
            False leaves the bias out.
        """


Backward = Callable[[Array, Any, Array, Step], Any]
"""(gradient, inputs, output, layer) → gradient at the input; of ``Add`` and ``Multiply`` both are tuples of two."""


@dataclass(frozen=True, eq=False)
class Rule:
    """What happens on the way back through a network.

    Attributes
    ----------
    name : str
    backward : mapping of str to callable
        For kinds of layers (`KINDS`, or classes of the framework); others pass the plain gradient.
    absorbing : frozenset of str
        Kinds of which it is added up what they keep of the sum of the gradient: biases do, when relevance is
        propagated. The sum is the gradient of `ABSORBED`.
    merge_norms : bool
        Whether a normalization right after a convolution or dense layer is made part of its weights.

    Raises
    ------
    ModelError
        If a kind is written in other letters, or a function does not take what it is given.
    """

    name: str
    backward: Mapping[str, Backward] = field(default_factory=dict)
    absorbing: frozenset[str] = frozenset()
    merge_norms: bool = False

    def __post_init__(self) -> None:
        known = {kind.lower(): kind for kind in KINDS}
        for kind in self.backward if isinstance(self.backward, Mapping) else ():
            meant = known.get(str(kind).lower(), kind)
            if meant != kind:  # it would be taken for the class of a layer, and never be met
                raise ModelError(f"The rule {self.name!r} is for {kind!r}.", f"Did you mean {meant!r}?")
            if not _takes_four(self.backward[kind]):
                raise ModelError(
                    f"What the rule {self.name!r} has for {kind} does not take four arguments.",
                    "Write it as a function of (gradient, inputs, output, layer).",
                )


def _takes_four(function: object) -> bool:
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(4))
    except TypeError:
        return False
    except ValueError:  # one that is not written in Python does not tell
        return True
    return True


_rules: dict[str, Rule] = {PLAIN: Rule(PLAIN)}


def register_rule(rule: Rule) -> Rule:
    """Make a rule known by its name in this process, and return it; an older one of the name gives way.

    Raises
    ------
    ModelError
        If it is no `Rule`, or called ``"plain"``, which is the gradient.
    """
    if not isinstance(rule, Rule):
        raise ModelError(
            f"A {type(rule).__name__} is no backward rule.", "Give a Rule(name, {kind: function})."
        )
    if rule.name == PLAIN:
        raise ModelError("The rule 'plain' is the gradient itself.", "Give yours another name.")
    _rules[rule.name] = rule
    return rule


def find_rule(rule: str | Rule) -> Rule:
    """Return a rule by its name.

    Raises
    ------
    ModelError
        If there is none of that name, several packages bring it, or the one that does cannot be loaded or is switched
        off by ``NNLENS_DISABLE_PLUGINS``.
    """
    if isinstance(rule, Rule):
        return rule
    if rule in _rules:
        return _rules[rule]
    found = [point for point in entry_points(group=GROUP, name=rule) if not _disabled(point)]
    if len(found) > 1:
        brought = " and ".join(
            sorted(distribution_name(point.dist.name if point.dist else "?") for point in found)
        )
        raise ModelError(
            f"The backward rule {rule!r} is brought by {brought}.", f"Switch one off by {DISABLE}."
        )
    if not found:
        off = f" It is switched off by {DISABLE}." if entry_points(group=GROUP, name=rule) else ""
        raise ModelError(f"There is no backward rule {rule!r}.{off}", f"Known are {', '.join(rule_names())}.")
    return _load(rule, found[0])


def rule_names() -> list[str]:
    """List the names of all rules, sorted, without loading any."""
    return sorted({*_rules, *(point.name for point in entry_points(group=GROUP) if not _disabled(point))})


def _disabled(point: EntryPoint) -> bool:
    return is_disabled(point.name, distribution_name(point.dist.name if point.dist else ""))


def _load(name: str, point: EntryPoint) -> Rule:
    try:
        loaded = point.load()
    except (Exception, SystemExit) as error:  # a stranger's package may raise anything
        raise ModelError(f"The backward rule {name!r} cannot be loaded: {type(error).__name__}.") from error
    if not isinstance(loaded, Rule):
        raise ModelError(
            f"The backward rule {name!r} is a {type(loaded).__name__}, not an nnlens.rules.Rule."
        )
    _rules[name] = loaded
    return loaded
