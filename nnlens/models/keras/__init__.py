"""Keras networks behind the Model protocol; the only part of nnlens that imports Keras and TensorFlow."""

from __future__ import annotations

from nnlens.models.keras.quiet import quiet

with quiet():
    import keras
    import tensorflow as tf

    tf.zeros(1)  # the first operation logs, too

from nnlens.errors import ModelError

if keras.backend.backend() != "tensorflow":
    raise ModelError(
        f"Keras runs on {keras.backend.backend()} here; nnlens runs its networks on TensorFlow.",
        "Unset KERAS_BACKEND, or set it to tensorflow.",
    )

from nnlens.models.keras.files import open_file, wrap
from nnlens.models.keras.model import KerasModel

__all__ = ["KerasModel", "open_file", "wrap"]
