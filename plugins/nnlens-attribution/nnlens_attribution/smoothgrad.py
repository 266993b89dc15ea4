"""SmoothGrad: saliency, averaged over noisy copies of the image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.models.base import Float, Model, Pass
from nnlens_attribution.explaining import Attribution, Made, explain
from nnlens_attribution.repeating import each, gradients, settled, turns
from nnlens_attribution.saliency import JOIN_DOC, JOINS, join_channels, join_words
from nnlens_attribution.targets import Target


class SmoothGrad(Attribution):
    """Average the saliency over copies of the image with noise on them.

    Answers "where is the network sensitive, but for the noise of the gradient?"; misleads where the noise is so strong
    that the network sees something else. It is the mean of absolute gradients; the noise is Gaussian, a share of the
    range of each input, and the same for all samples. The output explained is the one of the image without noise.

    References
    ----------
    .. [1] Smilkov et al., SmoothGrad: removing noise by adding noise, 2017, arXiv 1706.03825.
    """

    title = "SmoothGrad"

    count = param.Integer(25, bounds=(1, 10_000), doc="Noisy copies; the paper finds little gain beyond 50.")
    noise = param.Number(
        0.15,
        bounds=(0, 2),
        doc="Standard deviation of the noise, as a share of the range from the least to the greatest input value.",
    )
    join = param.Selector(default="max", objects=list(JOINS), precedence=10, doc=JOIN_DOC)

    @property
    def passes(self) -> float:
        """Forward and backward passes for a sample."""
        return float(self.count)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with as many passes as there are copies."""
        seed = int(context.rng.integers(2**62))

        def method(model: Model, inputs: Float, target: Target) -> Made:
            target, logits, activations = settled(model, inputs, target)
            passes = each(turns(model, len(inputs), self.count), context, len(inputs) == data.sizes["sample"])
            # every sample gets the same noise, so that its map does not depend on what else is asked for
            rng = np.random.default_rng(seed)
            return Made(Pass(logits, activations), self._smooth(model, inputs, target, rng, passes))

        words = [f"{self.count} copies · noise {self.noise:g} of the range", join_words(data, self.join)]
        return explain(data, context, method, " · ".join(filter(None, words)))

    def _smooth(
        self,
        model: Model,
        inputs: Float,
        target: Target,
        rng: np.random.Generator,
        passes: Iterator[tuple[int, slice]],
    ) -> Float:
        space = tuple(range(1, inputs.ndim))
        spread = self.noise * (inputs.max(space, keepdims=True) - inputs.min(space, keepdims=True))
        total = np.zeros((len(inputs), *inputs.shape[2:]), np.float64)
        for count, _ in passes:
            noise = rng.standard_normal((count, 1, *inputs.shape[1:]), dtype=np.float32)
            found = gradients(model, inputs + noise * spread, target)
            joined = join_channels(found.reshape(-1, *inputs.shape[1:]), self.join)
            total += joined.reshape(count, *total.shape).sum(axis=0)
        return (total / self.count).astype(np.float32)
