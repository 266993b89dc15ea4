"""Saliency: which pixels the target's logit is most sensitive to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens.models.base import Float, Model, Pass
from nnlens.schema import INPUT
from nnlens_attribution.explaining import PROVIDES, Target, explain

JOINS = {"max": np.max, "sum": np.sum}


class Saliency(Analysis):
    """Show how strongly each pixel would change the target's logit.

    Answers "where is the network sensitive?"; misleads about what it used: a sensitive pixel need not have
    contributed, and the map is noisy. It is the absolute gradient of the logit, at the size of the
    network's input, values as they are.

    References
    ----------
    .. [1] Simonyan, Vedaldi, Zisserman, Deep inside convolutional networks, 2013, arXiv 1312.6034.
    """

    title = "Saliency"
    scope = "sample"
    priority = 20
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True

    join = param.Selector(
        default="max",
        objects=list(JOINS),
        precedence=10,
        doc="How the channels of a color image become one value: the largest, as in the paper, or their sum.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.01 + sizes.get("sample", 1) * 0.004

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass."""
        colored = data.sizes["channel"] > 1
        words = f"{self.join} of {data.sizes['channel']} channels" if colored else ""
        return explain(data, context, input_gradient, self._picture, words)

    def _picture(self, made: Pass) -> Float:
        return join_channels(made.gradients[INPUT], self.join)


def input_gradient(model: Model, inputs: Float, target: Target) -> Pass:
    """Return the gradient of the target's logit at the input."""
    return model.vjp(inputs, target.seed, wrt=(INPUT,))


def join_channels(gradient: Float, join: str) -> Float:
    """Return the absolute values (sample, y, x) of a gradient (sample, channel, y, x)."""
    size = np.abs(gradient)
    return size[:, 0] if size.shape[1] == 1 else JOINS[join](size, axis=1)
