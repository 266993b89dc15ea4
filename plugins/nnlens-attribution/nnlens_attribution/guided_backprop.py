"""Guided backpropagation: the gradient along paths that speak for the target all the way."""

from __future__ import annotations

import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.explaining import COLORED, Attribution, Made, backward, explain
from nnlens_attribution.rules import GUIDED
from nnlens_attribution.targets import Target


class GuidedBackprop(Attribution):
    """Show the gradient of the target's logit, with all that is negative cut off at every rectifier.

    Answers "which details excite what speaks for the target?"; misleads about the target itself: the map looks much the
    same for all classes and hardly changes when the upper layers' weights are drawn anew. At other nonlinearities than
    ReLU, ReLU6 and LeakyReLU it is the plain gradient, which the caption says.

    References
    ----------
    .. [1] Springenberg et al., Striving for simplicity, 2014, arXiv 1412.6806.
    .. [2] Adebayo et al., Sanity checks for saliency maps, 2018, arXiv 1810.03292.
    """

    title = "Guided backprop"
    priority = 5  # the first of those that show details
    provides = COLORED

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass."""
        return explain(data, context, _method, "")


def _method(model: Model, inputs: Float, target: Target) -> Made:
    passed = backward(model, inputs, target, rule=GUIDED)
    return Made(passed, passed.gradients[INPUT])
