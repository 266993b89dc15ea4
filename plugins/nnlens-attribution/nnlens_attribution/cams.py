"""What the class activation maps share: a spatial layer, its weights, and bilinear enlargement."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import xarray as xr

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, LayerInfo, Model, layer_named
from nnlens_attribution.explaining import Attribution, Made, backward, explain
from nnlens_attribution.targets import Target, network

Activate = Callable[[Float, Float], Float]
"""(activation, gradient), both (sample, channel, y, x), → map (sample, y, x) at the size of the layer."""


class ClassActivation(Attribution):
    """The base of what weighs the maps of a layer by their gradients; its subclasses are registered."""

    needs_layer = True

    @staticmethod
    def activate(activation: Float, gradient: Float) -> Float:
        """Return a map (sample, y, x) at the size of the layer."""
        raise NotImplementedError

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward pass and a backward pass as far as the layer."""
        info = spatial_layer(network(context), context.request.layer, self.title)
        _, rows, columns = info.shape

        def method(model: Model, inputs: Float, target: Target) -> Made:
            return activation_map(model, inputs, target, info.name, self.activate)

        return explain(data, context, method, f"{rows}×{columns} places")


def activation_map(model: Model, inputs: Float, target: Target, layer: str, activate: Activate) -> Made:
    """Return the map of one batch at the size of the network's input."""
    passed = backward(model, inputs, target, wrt=(layer,), keep=(layer,))
    small = activate(passed.activations[layer], passed.gradients[layer])
    return Made(passed, enlarge(small, model.preprocess.height, model.preprocess.width))


def enlarge(maps: Float, height: int, width: int) -> Float:
    """Resize maps (sample, y, x) bilinearly, with the centers of the corner cells half a cell inside the picture."""
    rows, columns = interpolation(maps.shape[1], height), interpolation(maps.shape[2], width)
    return rows @ maps @ columns.T


@lru_cache(maxsize=64)
def interpolation(cells: int, pixels: int) -> Float:
    """Return the weights (pixel, cell) of linear interpolation; beyond the outermost centers the value stays."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)


def spatial_layer(model: Model, name: str | None, who: str) -> LayerInfo:
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
    raise AnalysisError(f"{who} needs a layer with height and width, and {name!r} is {what}.", hint)
