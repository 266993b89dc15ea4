"""Integrated gradients: contributions that add up to what the image changes in the target's logit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model, Pass
from nnlens_attribution.explaining import COLORED, Attribution, Made, explain
from nnlens_attribution.masking import FILLS, WORDS, filling
from nnlens_attribution.repeating import each, gradients, settled, turns, values
from nnlens_attribution.targets import Target


class IntegratedGradients(Attribution):
    """Share out among the input values what tells the image from a baseline in the target's logit.

    Answers "what does each value contribute, measured from a baseline?"; misleads where the baseline means something to
    the network: what equals it never counts. The path is straight, its points those of Gauss and Legendre. ``delta`` is
    by how much the sum of the map misses f(image) − f(baseline): it tells whether there are enough steps.

    References
    ----------
    .. [1] Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, 2017, arXiv 1703.01365.
    """

    title = "Integrated gradients"
    provides = {**COLORED, "delta": ("sample",)}

    steps = param.Integer(50, bounds=(1, 1000), doc="Points of the path; the paper has 20 to 300.")
    baseline = param.Selector(
        default="mean",
        objects=list(FILLS),
        doc="Where the path starts: the mean of the preprocessing (zero in the network's own units), black, or the "
        "blurred image.",
    )

    @property
    def passes(self) -> float:
        """Forward and backward passes for a sample."""
        return float(self.steps)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with as many passes as there are steps."""
        misses: list[Float] = []

        def method(model: Model, inputs: Float, target: Target) -> Made:
            target, logits, activations = settled(model, inputs, target)
            start = np.broadcast_to(filling(self.baseline, inputs, model), inputs.shape)
            passes = each(turns(model, len(inputs), self.steps), context, len(inputs) == data.sizes["sample"])
            found = integrate(model, inputs, start, target, self.steps, passes)
            change = target.values(logits, activations) - values(model, np.ascontiguousarray(start), target)
            delta = found.sum(axis=(1, 2, 3), dtype=np.float64) - change
            misses.append(np.abs(delta) / np.maximum(np.abs(change), 1e-6))
            return Made(Pass(logits, activations), found, {"delta": delta})

        result = explain(data, context, method, f"{self.steps} steps from {WORDS[self.baseline]}")
        missed = float(np.nanmedian(np.concatenate(misses)))
        return result.assign_attrs(caption=f"{result.attrs['caption']} · sum misses {missed:.2%}")


def integrate(
    model: Model,
    inputs: Float,
    start: Float,
    target: Target,
    steps: int,
    passes: Iterator[tuple[int, slice]],
) -> Float:
    """Return the contributions (sample, channel, y, x) along the straight path from `start` to `inputs`."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    points, weights = (points + 1) / 2, weights / 2
    way, total = inputs - start, np.zeros(inputs.shape, np.float64)
    for count, part in passes:
        at = points[part].astype(np.float32).reshape(count, 1, 1, 1, 1)
        # not by a product of matrices, whose threads would get in the way of the network's own
        for weight, found in zip(weights[part], gradients(model, start + at * way, target), strict=True):
            total += weight * found
    return (total * way).astype(np.float32)
