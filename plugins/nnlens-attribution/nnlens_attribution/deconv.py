"""Deconvnet: what in the image a channel of a layer responds to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model, layer_named
from nnlens.schema import INPUT
from nnlens_attribution.explaining import COLORED, Attribution, Made, backward, explain
from nnlens_attribution.rules import DECONV
from nnlens_attribution.targets import Target, network

SIGNALS = ("maximum", "map", "target")


class Deconv(Attribution):
    """Project what a channel of a layer responds to back to the image.

    Answers "what pattern made this channel respond?"; misleads about how much of it the target needs, and hardly
    depends on the weights above the layer. Starts from the channel's single maximum or its whole map, all else zero; of
    a flat layer from one unit. Without a channel it is the one that responds most strongly, of each sample its own;
    ``target`` is its number and ``probability`` its largest activation. Rectifiers pass what is positive, whatever came
    in; poolings take the places of the forward pass, and where they overlap the gradients add up. At other
    nonlinearities than ReLU, ReLU6 and LeakyReLU it is the plain gradient, which the caption says.

    References
    ----------
    .. [1] Zeiler, Fergus, Visualizing and understanding convolutional networks, 2013, arXiv 1311.2901.
    """

    title = "Deconvnet"
    provides = COLORED
    needs_layer = True
    takes_channel = True

    signal = param.Selector(
        default="maximum",
        objects=list(SIGNALS),
        doc="Where it starts: at the channel's single maximum, at its whole map, or at the target's logit, for which "
        "layer and channel play no part.",
    )

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with one forward and one backward pass."""
        request = context.request
        if self.signal == "target":
            return explain(data, context, _from_target, "from the target's logit")
        channel = Channel(_layer(network(context), request.layer), request.channel, self.signal == "map")
        what = "the strongest channel" if request.channel is None else f"channel {request.channel}"
        words = f"from {what}'s {'whole map' if channel.whole else 'maximum'}"
        return explain(data, context, channel.method, words)


@dataclass(frozen=True)
class Channel:
    """The start of a backward pass at a channel, or at a unit of a flat layer.

    Attributes
    ----------
    layer : str
    number : int or None
        None is the one that responds most strongly.
    whole : bool
        Whether its whole map is the signal, rather than its maximum.
    """

    layer: str
    number: int | None
    whole: bool

    def method(self, model: Model, inputs: Float, target: Target) -> Made:
        """Explain the channel, whatever the target."""
        del target
        passed = model.vjp(inputs, self.seed, self.layer, keep=(self.layer,), rule=DECONV)
        seen = Target(f"{self.layer}:0").of(self.numbers(passed.activations))
        return Made(passed, passed.gradients[INPUT], target=seen)

    def numbers(self, activations: Mapping[str, Float]) -> NDArray[np.int64]:
        """Return the channel (sample,)."""
        outputs = activations[self.layer]
        if self.number is not None:
            return np.full(len(outputs), self.number, np.int64)
        return outputs.reshape(*outputs.shape[:2], -1).max(axis=2).argmax(axis=1).astype(np.int64)

    def seed(self, logits: Float, activations: Mapping[str, Float]) -> Float:
        """Return the activations of the channel, or the largest of them, and zero elsewhere."""
        del logits
        outputs = activations[self.layer]
        flat = outputs.reshape(*outputs.shape[:2], -1)
        rows, numbers = np.arange(len(flat)), self.numbers(activations)
        signal, start = flat[rows, numbers], np.zeros_like(flat)
        if not self.whole:
            signal = np.where(np.arange(signal.shape[1]) == signal.argmax(axis=1)[:, None], signal, 0)
        start[rows, numbers] = signal
        return start.reshape(outputs.shape)


def _from_target(model: Model, inputs: Float, target: Target) -> Made:
    passed = backward(model, inputs, target, rule=DECONV)
    return Made(passed, passed.gradients[INPUT])


def _layer(model: Model, name: str | None) -> str:
    layer = layer_named(model.layers, name) if name else None
    if layer is None:
        raise AnalysisError(f"The network has no layer {name!r}.", "Choose one of its layers.")
    return layer.name
