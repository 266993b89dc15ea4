"""Grad-CAM++: Grad-CAM that gives every occurrence of a thing its weight."""

from __future__ import annotations

import numpy as np

from nnlens.models.base import Float
from nnlens_attribution.cams import ClassActivation
from nnlens_attribution.gradcam import weighed


class GradCAMPlusPlus(ClassActivation):
    """Show which places of a layer speak for the target, also where several do so separately.

    Answers "where are all the things that speak for the target?"; misleads as Grad-CAM does about outlines and about
    evidence against the target. As in the paper the score is the exponential of the logit, whose derivatives are powers
    of the gradient; the factor that is common to all places of a sample is left out.

    References
    ----------
    .. [1] Chattopadhay et al., Grad-CAM++, 2017, arXiv 1710.11063.
    """

    title = "Grad-CAM++"

    @staticmethod
    def activate(activation: Float, gradient: Float) -> Float:
        """Return ReLU(Σ w A) (sample, y, x), w the sum over space of α ReLU(g), α = g² / (2g² + g³ Σ A)."""
        below = 2 + gradient * activation.sum(
            axis=(2, 3), keepdims=True
        )  # g² shortened, which would only lose digits
        alpha = np.divide(gradient != 0, below, out=np.zeros_like(gradient), where=below != 0)
        return np.maximum(weighed(activation, (alpha * np.maximum(gradient, 0)).sum(axis=(2, 3))), 0)
