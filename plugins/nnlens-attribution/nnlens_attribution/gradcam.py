"""Grad-CAM: which places of a spatial layer speak for the target."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, LayerInfo, Model, Pass, layer_named
from nnlens_attribution.explaining import PROVIDES, Target, explain, model_of


class GradCAM(Analysis):
    """Show which places of a layer speak for the target.

    Answers "where in the image does the evidence lie?"; misleads about its outline, which is as coarse as the layer,
    and about evidence against the target, which is cut off. Values are as they are, not scaled to a maximum.

    References
    ----------
    .. [1] Selvaraju et al., Grad-CAM, 2016, arXiv 1610.02391.
    """

    title = "Grad-CAM"
    scope = "sample"
    priority = 10
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True
    needs_layer = True

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.01 + sizes.get("sample", 1) * 0.003

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward pass and a backward pass as far as the layer."""
        model = model_of(context)
        info = spatial_layer(model, context.request.layer)
        layer, (_, rows, columns) = info.name, info.shape
        size = model.preprocess.height, model.preprocess.width

        def backward(model: Model, inputs: Float, target: Target) -> Pass:
            return model.vjp(inputs, target.seed, wrt=(layer,), keep=(layer,))

        def picture(made: Pass) -> Float:
            return enlarge(class_activation(made.activations[layer], made.gradients[layer]), *size)

        return explain(data, context, backward, picture, f"{rows}×{columns} places")


def class_activation(activation: Float, gradient: Float) -> Float:
    """Return ReLU(Σ α A) (sample, y, x), where α is the mean over space of the gradient.

    Parameters
    ----------
    activation, gradient : ndarray, dims (sample, channel, y, x)
        Of one layer.
    """
    weight = gradient.mean(axis=(2, 3))
    return np.maximum(np.einsum("nc,ncyx->nyx", weight, activation, optimize=True), 0)


def enlarge(maps: Float, height: int, width: int) -> Float:
    """Resize maps (sample, y, x) bilinearly, with the centers of the corner cells half a cell inside the picture."""
    rows, columns = interpolation(maps.shape[1], height), interpolation(maps.shape[2], width)
    return np.ascontiguousarray(rows @ maps @ columns.T)


@lru_cache(maxsize=64)
def interpolation(cells: int, pixels: int) -> Float:
    """Return the weights (pixel, cell) of linear interpolation; beyond the outermost centers the value stays."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)


def spatial_layer(model: Model, name: str | None) -> LayerInfo:
    """Return the layer, if it is one with height and width.

    Raises
    ------
    AnalysisError
        If it is not; the hint names the last such layer before it.
    """
    layer = layer_named(model.layers, name) if name else None
    if layer is not None and layer.spatial:
        return layer
    before = model.layers if layer is None else model.layers[: model.layers.index(layer)]
    maps = [each.name for each in before if each.spatial and each.capturable]
    hint = f"Choose {maps[-1]!r}." if maps else "This network has none before it."
    what = "no layer of the network" if layer is None else "flat"
    raise AnalysisError(f"Grad-CAM needs a layer with height and width, and {name!r} is {what}.", hint)
