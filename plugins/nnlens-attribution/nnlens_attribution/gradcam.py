"""Grad-CAM: which places of a spatial layer speak for the target."""

from __future__ import annotations

import numpy as np

from nnlens.models.base import Float
from nnlens_attribution.cams import ClassActivation


class GradCAM(ClassActivation):
    """Show which places of a layer speak for the target.

    Answers "where in the image does the evidence lie?"; misleads about its outline, which is as coarse as the layer,
    and about evidence against the target, which is cut off. Values are as they are, not scaled to a maximum.

    References
    ----------
    .. [1] Selvaraju et al., Grad-CAM, 2016, arXiv 1610.02391.
    """

    title = "Grad-CAM"
    priority = 10

    @staticmethod
    def activate(activation: Float, gradient: Float) -> Float:
        """Return ReLU(Σ α A) (sample, y, x), where α is the mean over space of the gradient."""
        return np.maximum(weighed(activation, gradient.mean(axis=(2, 3))), 0)


def weighed(activation: Float, weight: Float) -> Float:
    """Return Σ weight × activation over channels (sample, y, x); the weights have dims (sample, channel)."""
    samples, channels, height, width = activation.shape
    flat = weight[:, None] @ activation.reshape(samples, channels, height * width)
    return flat.reshape(samples, height, width)
