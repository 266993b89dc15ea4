"""Saliency: which pixels the target's logit is most sensitive to."""

from __future__ import annotations

from functools import reduce

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.explaining import Attribution, Made, backward, explain
from nnlens_attribution.targets import Target

JOINS = {"max": np.maximum, "sum": np.add}
JOIN_DOC = "How the channels of a color image become one value: the largest, as in the paper, or their sum."


class Saliency(Attribution):
    """Show how strongly each pixel would change the target's logit.

    Answers "where is the network sensitive?"; misleads about what it used: a sensitive pixel need not have
    contributed, and the map is noisy. It is the absolute gradient of the logit, at the size of the
    network's input, values as they are.

    References
    ----------
    .. [1] Simonyan, Vedaldi, Zisserman, Deep inside convolutional networks, 2013, arXiv 1312.6034.
    """

    title = "Saliency"
    priority = 20

    join = param.Selector(default="max", objects=list(JOINS), precedence=10, doc=JOIN_DOC)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass."""
        return explain(data, context, self._method, join_words(data, self.join))

    def _method(self, model: Model, inputs: Float, target: Target) -> Made:
        passed = backward(model, inputs, target)
        return Made(passed, join_channels(passed.gradients[INPUT], self.join))


def join_channels(gradient: Float, join: str) -> Float:
    """Return the absolute values (sample, y, x) of a gradient (sample, channel, y, x)."""
    size = np.abs(gradient)
    # channel by channel: numpy takes ten times as long along an axis of three that is the last one in memory
    return reduce(JOINS[join], (size[:, channel] for channel in range(size.shape[1])))


def join_words(data: xr.Dataset, join: str) -> str:
    """Say how the channels of color images were joined; nothing of grey ones."""
    channels = data.sizes["channel"]
    return f"{join} of {channels} channels" if channels > 1 else ""
