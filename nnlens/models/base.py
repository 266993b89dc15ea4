"""The Model protocol: one vocabulary for both frameworks. Nothing here imports torch or TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nnlens.models.preprocess import Preprocess
from nnlens.rules import Rule

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

Framework = Literal["torch", "keras", "onnx"]
Float = NDArray[np.float32]
Seed = Float | Callable[[Float, Mapping[str, Float]], Float]
"""The gradient that a backward pass starts from: an array, or a function of (logits, activations)."""


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the network, as the graph and the store know it.

    Attributes
    ----------
    name : str
        The framework's own name; a layer called several times is ``relu#0``, ``relu#1``.
    kind : str
        The class of the layer, such as ``Conv2d`` or ``Dense``.
    shape : tuple of int
        Shape of the output without the sample: (channel, y, x) or (unit,).
    parameters : int
        Number of weights, trainable or not.
    inputs : tuple of str
        Names of the layers whose output comes in; ``"@input"`` is the image.
    capturable : bool
        Whether its output can be captured.
    aliases : tuple of str
        Other names of the same output: of the module, or of the block that ends with it.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = 0
    inputs: tuple[str, ...] = ()
    capturable: bool = True
    aliases: tuple[str, ...] = ()

    @property
    def spatial(self) -> bool:
        """Whether the output has height and width."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class ModelReference:
    """How to open a model again in another process; plain data, so that it can be sent as JSON.

    Attributes
    ----------
    source : str
        Path of the file of weights, as the caller gave it.
    architecture : str or None
        ``file.py:callable`` or ``package.module:callable``.
    preprocess : Preprocess or None
        How images become inputs; None leaves it to the model's own default.
    sha256 : str
        Of the file that was loaded.
    trust : bool
        Whether the user lets the file run code. It goes to processes that the same command starts, never into a run.
    """

    source: str
    architecture: str | None
    preprocess: Preprocess | None
    sha256: str = ""
    trust: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, for a process of one's own."""
        return self.told() | ({"trust": True} if self.trust else {})

    def told(self) -> dict[str, Any]:
        """Return what a run tells of its model, as plain data: a run cannot ask to be trusted."""
        return {
            "source": self.source,
            "architecture": self.architecture,
            "preprocess": self.preprocess.to_dict() if self.preprocess else None,
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelReference:
        """Rebuild from `to_dict`."""
        preprocess = data.get("preprocess")
        return cls(
            data["source"],
            data.get("architecture"),
            Preprocess.from_dict(preprocess) if preprocess else None,
            data.get("sha256", ""),
            data.get("trust") is True,
        )


@dataclass(frozen=True)
class Pass:
    """What one forward and one backward pass gave.

    Attributes
    ----------
    logits : ndarray, dims (sample, class_)
    activations : mapping of str to ndarray
        Of the layers in ``keep``, (sample, channel, y, x) or (sample, unit).
    gradients : mapping of str to ndarray
        Of the layers in ``wrt``, the same shapes.
    plain_at : tuple of str
        Nonlinearities for which the rule has no function, so that they passed the plain gradient: name and kind, such
        as ``"features.4 (GELU)"``. Empty where the rule is the gradient.
    """

    logits: Float
    activations: Mapping[str, Float] = field(default_factory=dict)
    gradients: Mapping[str, Float] = field(default_factory=dict)
    plain_at: tuple[str, ...] = ()


@runtime_checkable
class Model(Protocol):
    """A trained image classifier, whatever the framework.

    Attributes
    ----------
    name : str
        A short name for titles: the file's stem or the class.
    framework : {"torch", "keras", "onnx"}
    layers : tuple of LayerInfo
        In order of execution.
    class_count : int
        Number of outputs.
    preprocess : Preprocess
    fingerprint : str
        SHA-256 over layer names, shapes and weights.
    hidden_layer : str
        The layer whose output is the hidden vector: the input of the last layer with weights.
    has_logits : bool
        False where only probabilities can be had: logarithms of them stand in, and results say so.
    notes : tuple of str
        What was assumed or unwrapped when it was opened, in sentences for the user.
    reference : ModelReference or None
        How another process opens the same model; None for a live object.
    """

    name: str
    framework: Framework
    layers: tuple[LayerInfo, ...]
    class_count: int
    preprocess: Preprocess
    fingerprint: str
    hidden_layer: str
    has_logits: bool
    notes: tuple[str, ...]
    reference: ModelReference | None

    def prepare(self, images: Images) -> Float:
        """Turn images (sample, y, x, channel), or a list of (y, x, channel), into inputs (sample, channel, y, x)."""

    def predict(self, inputs: Float) -> Float:
        """Return logits (sample, class_)."""

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers after one forward pass.

        Parameters
        ----------
        inputs : ndarray, dims (sample, channel, y, x)
        layers : sequence of str
            ``"@logits"`` and ``"@input"`` are legal names.
        pooled : sequence of str
            Other layers, spatial ones, of which only the mean over space is returned, dims (sample, channel). It is
            taken while they are in the processor's cache: to keep them until the end costs a third of the time.
        exact : bool
            Whether outputs must be those of a plain forward pass to the last bit. Otherwise sums may be taken in the
            order that is fastest, as a capture wants it.

        Raises
        ------
        ModelError
            If a layer does not exist.
        """

    def vjp(
        self,
        inputs: Float,
        seed: Seed,
        at: str | None = None,
        wrt: Sequence[str] = ("@input",),
        keep: Sequence[str] = (),
        rule: str | Rule = "plain",
    ) -> Pass:
        """Run one forward and one backward pass, with sums taken in the order that is fastest.

        Parameters
        ----------
        inputs : ndarray, dims (sample, channel, y, x)
        seed : ndarray or callable
            The gradient at `at`; a callable gets (logits, activations of `keep` and `at`).
        at : str or None
            The layer where the backward pass starts; None is the logits.
        wrt : sequence of str
            Layers whose gradient is wanted; `nnlens.rules.ABSORBED` is legal where the rule has absorbing kinds.
        keep : sequence of str
            Layers whose activation is wanted.
        rule : str or Rule
            A backward rule, or its name; ``"plain"`` is the gradient. See `nnlens.rules`.

        Raises
        ------
        ModelError
            If a layer or the rule does not exist, or the network has no gradients.
        """

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> Model:
        """Return a copy of the model whose layers have weights drawn anew, itself left as it is.

        Parameters
        ----------
        layers : sequence of str or None
            Layers whose weights are drawn, as the values of each weight in another order (which keeps their scale);
            None means all.
        seed : int

        Raises
        ------
        ModelError
            If a layer does not exist, or the weights cannot be changed.
        """


def layer_named(layers: Sequence[LayerInfo], name: str) -> LayerInfo | None:
    """Return the layer with this name or alias, or None."""
    return next((layer for layer in layers if name == layer.name or name in layer.aliases), None)
