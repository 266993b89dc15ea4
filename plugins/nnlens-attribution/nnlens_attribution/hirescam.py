"""HiResCAM: what each place of a layer contributes to the target."""

from __future__ import annotations

from nnlens.models.base import Float
from nnlens_attribution.cams import ClassActivation


class HiResCAM(ClassActivation):
    """Show what each place of a layer contributes to the target, for and against it.

    Answers "which places did the network use?", exactly where only linear layers follow; misleads about outlines, which
    are as coarse as the layer. Gradients are not averaged over space as in Grad-CAM, which can point at places that
    were not used. Negative values speak against the target.

    References
    ----------
    .. [1] Draelos, Carin, Use HiResCAM instead of Grad-CAM, 2020, arXiv 2011.08891.
    """

    title = "HiResCAM"

    @staticmethod
    def activate(activation: Float, gradient: Float) -> Float:
        """Return Σ g A (sample, y, x)."""
        return (activation * gradient).sum(axis=1)
