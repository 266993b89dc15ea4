"""Networks of both frameworks behind one protocol; torch and Keras are imported by their own folders only."""

from nnlens.models.base import LayerInfo, Model, ModelReference, Pass, layer_named
from nnlens.models.loading import load_model, reopen_model
from nnlens.models.preprocess import Preprocess
from nnlens.models.refilling import with_weights

__all__ = [
    "LayerInfo",
    "Model",
    "ModelReference",
    "Pass",
    "Preprocess",
    "layer_named",
    "load_model",
    "reopen_model",
    "with_weights",
]
