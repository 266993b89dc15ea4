"""A network of a few lines of numpy that speaks the Model protocol, so that tests of analyses need no framework."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import ModelError
from nnlens.models.base import Float, Framework, LayerInfo, ModelReference, Pass, Seed
from nnlens.models.preprocess import Preprocess
from nnlens.rules import ABSORBED, Rule, find_rule
from nnlens.samples.pixels import Images
from nnlens.schema import INPUT, LOGITS

Change = Callable[[Float], Float]

SIDE = 8
CHANNELS, UNITS = 4, 12


class Layer(Protocol):
    """One step of the network, forward and backward; `kind` is one of `nnlens.rules.KINDS`."""

    kind: str

    def forward(self, x: Float) -> Float:
        """Return the output."""

    def backward(self, gradient: Float, x: Float) -> Float:
        """Return the gradient at the input `x` from that at the output."""


class Convolution:
    """A 3×3 convolution over one channel, padded to keep the size; `kernels` has dims (channel, 9)."""

    kind = "Convolution"

    def __init__(self, kernels: Float) -> None:
        self.kernels = kernels

    def forward(self, x: Float) -> Float:
        """Return (sample, channel, y, x)."""
        padded = np.pad(x[:, 0], ((0, 0), (1, 1), (1, 1)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        return np.einsum("nyxk,ck->ncyx", patches.reshape(*patches.shape[:3], 9), self.kernels).astype(
            np.float32
        )

    def backward(self, gradient: Float, x: Float) -> Float:
        """Return (sample, 1, y, x)."""
        patches = np.einsum("ncyx,ck->nyxk", gradient, self.kernels)
        height, width = x.shape[2:]
        out = np.zeros((len(x), height + 2, width + 2), np.float32)
        for place in range(9):
            row, column = divmod(place, 3)
            out[:, row : row + height, column : column + width] += patches[..., place]
        return out[:, None, 1:-1, 1:-1]


class Rectifier:
    """Negative values become zero."""

    kind = "ReLU"

    def forward(self, x: Float) -> Float:
        """Return the same shape."""
        return np.maximum(x, 0)

    def backward(self, gradient: Float, x: Float) -> Float:
        """Return the gradient where the input was positive."""
        return gradient * (x > 0)


class Dense:
    """A product with `weights`, dims (unit in, unit out); spatial inputs are flattened."""

    kind = "Dense"

    def __init__(self, weights: Float) -> None:
        self.weights = weights

    def forward(self, x: Float) -> Float:
        """Return (sample, unit)."""
        return (x.reshape(len(x), -1) @ self.weights).astype(np.float32)

    def backward(self, gradient: Float, x: Float) -> Float:
        """Return the input's shape."""
        return (gradient @ self.weights.T).reshape(x.shape).astype(np.float32)


class Called:
    """One call of a layer, as a rule sees it: see `nnlens.rules.Step`."""

    settings: Mapping[str, float] = {}

    def __init__(self, name: str, layer: Layer, x: Float) -> None:
        self.name, self.kind = name, layer.kind
        self._layer, self._x = layer, x

    def back(self, gradient: Float, weight: Change | None = None) -> Float:
        """Return the plain gradient at the input."""
        return self._changed(weight).backward(gradient, self._x)

    def forward(self, inputs: Float, weight: Change | None = None, bias: bool = True) -> Float:
        """Return what the layer makes of another input; no layer here has a bias."""
        del bias
        return self._changed(weight).forward(inputs)

    def _changed(self, weight: Change | None) -> Layer:
        if weight is None:
            return self._layer
        if isinstance(self._layer, Convolution):
            return Convolution(weight(self._layer.kernels))
        return Dense(weight(self._layer.weights)) if isinstance(self._layer, Dense) else self._layer


class TinyModel:
    """Convolution, rectifier, dense, rectifier, dense: eight by eight grey pixels to `class_count` logits.

    Parameters
    ----------
    class_count : int
    seed : int
        Of the weights.

    Notes
    -----
    A white pixel in the upper left corner makes all of a sample's inputs NaN, so that a test can have such samples.
    """

    framework: Framework = "torch"
    has_logits = True
    notes: tuple[str, ...] = ()
    hidden_layer = "relu2"

    def __init__(self, class_count: int = 3, seed: int = 0, reference: ModelReference | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.name = "tiny"
        self.class_count = class_count
        self.preprocess = Preprocess(SIDE, order="grey")
        self.reference = reference
        weights = [
            rng.normal(size=(CHANNELS, 9)),
            rng.normal(size=(CHANNELS * SIDE * SIDE, UNITS)) / SIDE,
            rng.normal(size=(UNITS, class_count)),
        ]
        self._weights = [each.astype(np.float32) for each in weights]
        self.fingerprint = hashlib.sha256(b"".join(each.tobytes() for each in self._weights)).hexdigest()
        conv, dense, head = self._weights
        self._steps: dict[str, Layer] = {
            "conv": Convolution(conv),
            "relu1": Rectifier(),
            "fc1": Dense(dense),
            "relu2": Rectifier(),
            "fc2": Dense(head),
        }
        maps, flat = (CHANNELS, SIDE, SIDE), (UNITS,)
        self.layers: tuple[LayerInfo, ...] = (
            LayerInfo("conv", "Conv2d", maps, conv.size, (INPUT,)),
            LayerInfo("relu1", "ReLU", maps, 0, ("conv",)),
            LayerInfo("fc1", "Linear", flat, dense.size, ("relu1",)),
            LayerInfo("relu2", "ReLU", flat, 0, ("fc1",)),
            LayerInfo("fc2", "Linear", (class_count,), head.size, ("relu2",)),
        )

    def fit_head(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> TinyModel:
        """Fit the last layer by least squares, so that the network is better than guessing; returns itself."""
        hidden = self.activations(self.prepare(images), ["relu2"])["relu2"]
        wanted = np.eye(self.class_count, dtype=np.float32)[labels] * 4 - 2
        ridge = hidden.T @ hidden + 0.1 * np.eye(UNITS, dtype=np.float32)
        head = np.linalg.solve(ridge, hidden.T @ wanted).astype(np.float32)
        self._steps["fc2"] = Dense(head)
        self._weights[2] = head
        self.fingerprint = hashlib.sha256(b"".join(each.tobytes() for each in self._weights)).hexdigest()
        return self

    def prepare(self, images: Images) -> Float:
        """Turn images (sample, y, x, channel) into inputs (sample, 1, y, x)."""
        images = np.asarray(images)
        inputs = np.transpose(images[..., :1], (0, 3, 1, 2)).astype(np.float32) / np.float32(255)
        inputs[images[:, 0, 0, 0] == 255] = np.nan
        return inputs.astype(np.float32, copy=False)

    def predict(self, inputs: Float) -> Float:
        """Return logits (sample, class_)."""
        return self._forward(inputs)["fc2"]

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers, and of others only the mean over space; it knows one order of sums only."""
        del exact
        outputs = self._forward(inputs)
        means = {name: outputs[self._known(name)].mean((2, 3)) for name in pooled}
        return {name: outputs[self._known(name)] for name in layers} | means

    def vjp(
        self,
        inputs: Float,
        seed: Seed,
        at: str | None = None,
        wrt: Sequence[str] = (INPUT,),
        keep: Sequence[str] = (),
        rule: str | Rule = "plain",
    ) -> Pass:
        """Run one forward and one backward pass; see `nnlens.models.base.Model.vjp`."""
        followed, absorbed = find_rule(rule), np.zeros(len(inputs), np.float32)
        outputs = self._forward(inputs)
        names = list(self._steps)
        start = self._known(at or LOGITS)
        kept: Mapping[str, Float] = {
            name: outputs[self._known(name)] for name in {*keep, *([at] if at else [])}
        }
        gradient = seed(outputs["fc2"], kept) if callable(seed) else seed
        gradients = {start: np.asarray(gradient, np.float32)}
        for place in reversed(range(names.index(start) + 1)):
            before = names[place - 1] if place else INPUT
            step = Called(names[place], self._steps[names[place]], outputs[before])
            function = followed.backward.get(step.kind)
            arrived = gradients[names[place]]
            gradients[before] = (
                step.back(arrived)
                if function is None
                else np.asarray(function(arrived, outputs[before], outputs[names[place]], step), np.float32)
            )
            if step.kind in followed.absorbing:
                absorbed += _each(arrived) - _each(gradients[before])
        wanted = {name: absorbed if name == ABSORBED else gradients[self._known(name)] for name in wrt}
        return Pass(outputs["fc2"], {name: outputs[self._known(name)] for name in keep}, wanted)

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> TinyModel:
        """Return a copy with weights in another order; see `nnlens.models.base.Model.randomized`."""
        rng, copy = np.random.default_rng(seed), TinyModel(self.class_count)
        weighted = {"conv": 0, "fc1": 1, "fc2": 2}
        drawn = set(weighted if layers is None else map(self._known, layers))
        for name, place in weighted.items():
            weights = self._weights[place]
            copy._weights[place] = (
                rng.permuted(weights.ravel()).reshape(weights.shape) if name in drawn else weights
            )
            copy._steps[name] = (
                Convolution(copy._weights[0]) if name == "conv" else Dense(copy._weights[place])
            )
        return copy

    def _forward(self, inputs: Float) -> dict[str, Float]:
        outputs = {INPUT: np.asarray(inputs, np.float32)}
        x = outputs[INPUT]
        for name, step in self._steps.items():
            x = outputs[name] = step.forward(x)
        return outputs

    def _known(self, name: str) -> str:
        name = "fc2" if name == LOGITS else name
        if name not in (*self._steps, INPUT):
            raise ModelError(f"There is no layer {name!r}.", f"There are: {', '.join(self._steps)}.")
        return name


def _each(gradient: Float) -> Float:
    """Return the sum for each sample."""
    return gradient.reshape(len(gradient), -1).sum(axis=1)
