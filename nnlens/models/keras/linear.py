"""Layers that are linear in their input, run with other weights; their own are never written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from nnlens.models.keras.kinds import LINEAR, NORMALIZATION, kind_of
from nnlens.models.keras.operand import unwrap, wrap

Change = Callable[[Any], Any]
Linear = Callable[..., Any]
"""(inputs, weight=None, bias=True) → output."""


@contextmanager
def without_activation(layer: Any) -> Iterator[None]:
    """Take the activation function out of a layer for a moment."""
    activation = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation


def linear_of(operation: Any, norm: Any = None) -> Linear | None:
    """Return a layer as a function that takes changed weights; None where it has none to change.

    Parameters
    ----------
    operation : keras.Operation
    norm : keras.layers.BatchNormalization, optional
        What comes right after and is made part of the weights.
    """
    kind = kind_of(operation)
    if kind in LINEAR:
        return Weighted(operation, norm)
    return Normalizing(operation) if kind == NORMALIZATION else None


@dataclass(frozen=True)
class Normalizing:
    """A batch normalization: each channel times a factor, plus a shift.

    Attributes
    ----------
    layer : keras.layers.BatchNormalization
    """

    layer: Any

    def __call__(self, inputs: Any, weight: Change | None = None, bias: bool = True) -> Any:
        """Return the output for an input, with factor and shift put through a function."""
        shape = [1] * len(inputs.shape)
        shape[self.layer.axis] = -1
        factor, shift = (keras.ops.reshape(_put(each, weight), shape) for each in self.weights())
        return inputs * factor + shift if bias else inputs * factor

    def weights(self) -> tuple[Any, Any]:
        """Return factor and shift of each channel."""
        layer = self.layer
        factor = keras.ops.rsqrt(_value(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            factor = factor * _value(layer.gamma)
        shift = -_value(layer.moving_mean) * factor
        return factor, shift + _value(layer.beta) if layer.center else shift


@dataclass(frozen=True)
class Weighted:
    """A convolution or dense layer without its activation function.

    Attributes
    ----------
    layer : keras.Layer
    norm : keras.layers.BatchNormalization or None
        Made part of the weights.
    """

    layer: Any
    norm: Any = None

    def __call__(self, inputs: Any, weight: Change | None = None, bias: bool = True) -> Any:
        """Return the output for an input, with the weights put through a function."""
        layer = self.layer
        kernels, shift = self.weights()
        mapping = [(variable, _put(value, weight)) for variable, value in kernels]
        if layer.use_bias:
            mapping.append((layer.bias, keras.ops.zeros_like(_value(layer.bias))))
        with keras.StatelessScope(state_mapping=mapping), without_activation(layer):
            output = layer(inputs)
        if shift is None or not bias:
            return output
        shape = [1] * len(output.shape)
        shape[channel_axis(layer)] = -1
        return output + keras.ops.reshape(_put(shift, weight), shape)

    def weights(self) -> tuple[list[tuple[Any, Any]], Any]:
        """Return the kernels, each with its value, and the bias of each channel, None where there is none."""
        layer = self.layer
        shift = _value(layer.bias) if layer.use_bias else None
        kernels = [(variable, _value(variable)) for variable in _kernels(layer)]
        if self.norm is None:
            return kernels, shift
        factor, added = Normalizing(self.norm).weights()
        last, value = kernels[-1]
        kernels[-1] = (last, value * keras.ops.reshape(factor, _spread(layer, value)))
        return kernels, added if shift is None else shift * factor + added


def channel_axis(layer: Any) -> int:
    """Return the axis of the channels in the output of a convolution or dense layer."""
    return 1 if getattr(layer, "data_format", "") == "channels_first" else -1


def _kernels(layer: Any) -> list[Any]:
    if hasattr(layer, "pointwise_kernel"):
        return [layer.depthwise_kernel, layer.pointwise_kernel]
    return [layer.kernel]


def _spread(layer: Any, kernel: Any) -> list[int]:
    """Return the shape in which factors of the output's channels multiply a kernel."""
    name = type(layer).__name__
    shape = [1] * len(kernel.shape)
    if name.startswith("Depthwise"):  # (…, channel, multiplier)
        shape[-2:] = kernel.shape[-2:]
    else:
        shape[-2 if "Transpose" in name else -1] = -1
    return shape


def _put(value: Any, weight: Change | None) -> Any:
    return value if weight is None else unwrap(weight(wrap(value)))


def _value(variable: Any) -> Any:
    return keras.ops.convert_to_tensor(variable)
