"""Layer-wise relevance propagation: the target's logit, handed back layer by layer to what contributed to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model
from nnlens.rules import ABSORBED, Rule
from nnlens.schema import INPUT
from nnlens_attribution.explaining import COLORED, Attribution, Made, explain
from nnlens_attribution.lrp_rules import RULES, relevance_rule
from nnlens_attribution.targets import Target

EXPLODED = 100.0
"""Times the logit that inputs, or biases, may hold together: beyond, small denominators blew the relevance up."""


class LRP(Attribution):
    """Hand the target's logit back, layer by layer, to what contributed to it.

    Answers "what did each value contribute, as the layers pass it on?"; misleads where the rules do not fit the
    network: then the relevance of the inputs and what biases kept do not add up to the logit, and the sample is
    refused. A batch normalization is made part of the layer before it. ``absorbed`` is what biases and ε kept,
    ``delta`` what is lost or made beside them: sum of the map + absorbed − logit.

    References
    ----------
    .. [1] Bach et al., On pixel-wise explanations, 2015, doi 10.1371/journal.pone.0130140.
    .. [2] Montavon et al., Layer-wise relevance propagation: an overview, 2019, doi 10.1007/978-3-030-28954-6_10.
    .. [3] Hui, Binder, BatchNorm decomposition for deep neural network interpretation, 2019, for the merging.
    """

    title = "Relevance (LRP)"
    provides = {**COLORED, "absorbed": ("sample",), "delta": ("sample",)}
    passes = 2.0

    rule = param.Selector(
        default="composite",
        objects=list(RULES),
        doc="How relevance is shared: composite is z-plus at convolutions and epsilon elsewhere; epsilon by all "
        "contributions; gamma with those for the output strengthened; z-plus by those for it alone.",
    )
    epsilon = param.Number(
        1e-6,
        bounds=(0, 1),
        inclusive_bounds=(False, True),
        precedence=10,
        doc="Added to denominators, in the units of the activations; larger values keep more relevance back.",
    )
    gamma = param.Number(
        0.25,
        bounds=(0, 100),
        precedence=10,
        doc="How much more a contribution for the output counts, for gamma.",
    )
    tolerance = param.Number(
        0.05,
        bounds=(0, 1),
        precedence=10,
        doc="Share of the logit that may be lost or made before it is refused.",
    )

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass.

        Raises
        ------
        AnalysisError
            If relevance is conserved for none of them.
        """
        rule = relevance_rule(self.rule, self.epsilon, self.gamma)
        refused: list[float] = []

        def method(model: Model, inputs: Float, target: Target) -> Made:
            made = propagate(model, inputs, target, rule)
            lost = missing(made)
            refused.extend(float(each) for each in lost if not each <= self.tolerance)
            return without(made, ~(lost <= self.tolerance))

        words = {"gamma": f"gamma {self.gamma:g}"}.get(self.rule, self.rule)
        try:
            result = explain(data, context, method, f"{words} rule")
        except AnalysisError as error:
            if refused and np.isfinite(refused).any():
                raise not_conserved(refused, self.rule) from error
            raise
        if not refused:
            return result
        lost = f"relevance not conserved in {len(refused):,}"
        return result.assign_attrs(caption=f"{result.attrs['caption']} · {lost}")


def propagate(model: Model, inputs: Float, target: Target, rule: Rule) -> Made:
    """Return the relevance of the inputs (sample, channel, y, x), what was absorbed, and what does not add up."""

    def seed(logits: Float, activations: Mapping[str, Float]) -> Float:
        values = target.values(logits, activations)
        start = target.seed(logits, activations)
        return start * values.reshape(-1, *[1] * (start.ndim - 1))

    passed = model.vjp(inputs, seed, target.layer, (INPUT, ABSORBED), target.kept, rule)
    relevance, absorbed = passed.gradients[INPUT], passed.gradients[ABSORBED]
    score = target.values(passed.logits, passed.activations)
    delta = relevance.sum(axis=(1, 2, 3), dtype=np.float64) + absorbed - score
    return Made(passed, relevance, {"absorbed": absorbed, "delta": delta})


def missing(made: Made) -> Float:
    """Return the share (sample,) of the logit that does not add up; infinite where relevance exploded."""
    absorbed, delta = made.more["absorbed"], made.more["delta"]
    relevance = np.abs(made.attribution).sum(axis=(1, 2, 3), dtype=np.float64)
    score = np.abs(made.attribution.sum(axis=(1, 2, 3), dtype=np.float64) + absorbed - delta)
    score = np.maximum(score, np.finfo(np.float32).tiny)
    exploded = np.maximum(relevance, np.abs(absorbed)) > EXPLODED * score
    return np.where(exploded, np.inf, np.abs(delta) / score)


def without(made: Made, refused: np.ndarray) -> Made:
    """Return what was made with NaN for what is refused, so that it is left out."""
    if not refused.any():
        return made
    maps = made.attribution.copy()
    maps[refused] = np.nan
    return Made(made.passed, maps, made.more)


def not_conserved(refused: list[float], rule: str) -> AnalysisError:
    """Say that relevance does not add up."""
    if np.isinf(refused).all():
        what = f"inputs or biases hold more than {EXPLODED:g} times the logit"
    else:
        lost = np.median([each for each in refused if np.isfinite(each)])
        what = f"{lost:.0%} of the logit is lost or made on the way"
    return AnalysisError(
        f"Relevance is not conserved in this network: {what}.",
        f"Try {'a larger epsilon' if rule == 'z-plus' else 'rule=z-plus, or a larger epsilon'}; layers that multiply, "
        "gate or squash have no rule.",
    )
