"""Keras networks behind the Model protocol; the only part of nnlens that imports Keras and TensorFlow."""

from __future__ import annotations

from nnlens.models.keras import backends
from nnlens.models.keras.quiet import quiet

with quiet():
    backends.choose()
    backends.share_gpu()
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.zeros(1)  # the first operation logs, too

from nnlens.errors import ModelError

if keras.backend.backend() not in backends.KNOWN:
    raise ModelError(
        f"Keras runs on {keras.backend.backend()} here; nnlens runs its networks on TensorFlow or torch.",
        f"Unset {backends.VARIABLE}, or set it to one of these.",
    )

from nnlens.models.keras.files import open_file, wrap
from nnlens.models.keras.model import KerasModel
from nnlens.models.keras.refilling import refilled

__all__ = ["KerasModel", "open_file", "refilled", "wrap"]
