"""Networks in ONNX files behind the Model protocol, for inference; the only part of nnlens that imports onnxruntime."""

from __future__ import annotations

from nnlens.models.onnx.files import open_file
from nnlens.models.onnx.model import OnnxModel

__all__ = ["OnnxModel", "open_file"]
