"""The mean over channels of every layer with height and width, in one pass of the network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens_channels.blocks import Float
from nnlens_channels.maps import averaged
from nnlens_channels.text import caption, count


class LayerMeans(Analysis):
    """Show what every layer makes of a sample, as the mean of its channels.

    Answers "where does the network look, layer by layer?"; misleads where channels of both signs cancel out. Maps that
    are larger than `size` are averaged down, smaller ones are repeated, so that all have one form.
    """

    title = "Mean activation"
    scope = "sample"
    requires = {"input": ("sample", "channel", "y", "x")}
    provides = {"layer_mean": ("sample", "layer", "y", "x")}
    needs_model = True

    size = param.Integer(48, bounds=(4, 256), precedence=10, doc="Pixels on each side of a mean.")

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: a pass of a network of middle size for each sample."""
        return 0.1 + 0.1 * sizes.get("sample", 1)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Run each sample through the network."""
        model = context.model
        if model is None:
            raise AnalysisError("The means of all layers need the model.", "Give it to the Lens.")
        names = [layer.name for layer in model.layers if layer.spatial and layer.capturable]
        if not names:
            raise AnalysisError(
                "No layer of this network has height and width.", "Look at its units instead."
            )
        inputs = data["input"]
        means = context.empty((len(inputs), len(names), self.size, self.size))
        for row in range(len(inputs)):
            context.progress(row, len(inputs), "running the network")
            maps = model.activations(np.asarray(inputs[row : row + 1].values, np.float32), names)
            for place, name in enumerate(names):
                means[row, place] = resized(maps[name].mean(axis=1)[0], self.size)
        words = caption(count(len(names), "layer"), count(len(inputs), "sample"))
        return xr.Dataset(
            {"layer_mean": (("sample", "layer", "y", "x"), means)},
            coords={"sample": data["sample"].to_numpy(), "layer": names},
            attrs={"caption": words, "left_out": 0},
        )


def resized(values: Float, size: int) -> Float:
    """Bring a map (y, x) to `size` × `size`: averaged over whole squares where it is larger, then the nearest value."""
    factor = max(1, min(values.shape) // size)
    small = averaged(values[None, None], factor)[0, 0]
    rows, columns = ((np.arange(size) + 0.5) * side / size for side in small.shape)
    return np.asarray(small[np.ix_(rows.astype(int), columns.astype(int))], np.float32)
