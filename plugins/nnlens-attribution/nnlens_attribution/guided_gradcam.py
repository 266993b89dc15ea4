"""Guided Grad-CAM: the details of guided backpropagation where Grad-CAM sees the evidence."""

from __future__ import annotations

import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.cams import activation_map, spatial_layer
from nnlens_attribution.explaining import COLORED, Attribution, Made, backward, explain
from nnlens_attribution.gradcam import GradCAM
from nnlens_attribution.rules import GUIDED
from nnlens_attribution.targets import Target, network


class GuidedGradCAM(Attribution):
    """Multiply guided backpropagation by the enlarged Grad-CAM of a layer.

    Answers "which details, at the places that speak for the target?"; misleads as both do: the details hardly depend on
    the target, the places are coarse. At other nonlinearities than ReLU, ReLU6 and LeakyReLU the details are the plain
    gradient, which the caption says.

    References
    ----------
    .. [1] Selvaraju et al., Grad-CAM, 2016, arXiv 1610.02391.
    """

    title = "Guided Grad-CAM"
    provides = COLORED
    needs_layer = True
    passes = 2.0

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with two passes: one by the gradient as far as the layer, one guided."""
        info = spatial_layer(network(context), context.request.layer, self.title)
        _, rows, columns = info.shape

        def method(model: Model, inputs: Float, target: Target) -> Made:
            places = activation_map(model, inputs, target, info.name, GradCAM.activate).attribution
            passed = backward(model, inputs, target, rule=GUIDED)
            return Made(passed, passed.gradients[INPUT] * places[:, None])

        return explain(data, context, method, f"{rows}×{columns} places")
