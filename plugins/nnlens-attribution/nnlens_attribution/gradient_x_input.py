"""Gradient × input: what each input value contributes if the network were linear."""

from __future__ import annotations

import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.explaining import COLORED, Attribution, Made, backward, explain
from nnlens_attribution.targets import Target


class GradientXInput(Attribution):
    """Multiply each input value by how strongly it would change the target's logit.

    Answers "what does each value contribute, to first order?"; misleads where the input is zero in the network's own
    units, which is the mean color after the usual preprocessing: such a pixel never counts.

    References
    ----------
    .. [1] Shrikumar et al., Not just a black box, 2016, arXiv 1605.01713.
    """

    title = "Gradient × input"
    provides = COLORED

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass."""
        return explain(data, context, _method, "")


def _method(model: Model, inputs: Float, target: Target) -> Made:
    passed = backward(model, inputs, target)
    return Made(passed, passed.gradients[INPUT] * inputs)
