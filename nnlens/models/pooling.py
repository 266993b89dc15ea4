"""The mean of feature maps over space."""

from __future__ import annotations

import numpy as np

from nnlens.models.base import Float


def pool(activation: Float) -> Float:
    """Return the mean over space, dims (sample, channel), of an activation (sample, channel, y, x).

    A product with ones is bound by memory; numpy's mean over short axes is several times slower.
    """
    count, channels, height, width = activation.shape
    weights = np.full(height * width, 1 / (height * width), np.float32)
    if activation.strides[1] < activation.strides[3]:  # channels last in memory, as Keras has them
        return weights @ activation.transpose(0, 2, 3, 1).reshape(count, -1, channels)
    return (activation.reshape(count * channels, -1) @ weights).reshape(count, channels)
