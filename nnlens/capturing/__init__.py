"""Capture: run a data set through a network and keep what every layer made of it."""

from nnlens.capturing.alarm import PreprocessWarning
from nnlens.capturing.caution import (
    BrokenFilesWarning,
    InvalidLogitsWarning,
    LabelWarning,
    NearChanceWarning,
)
from nnlens.capturing.embeddings import InvalidEmbeddingsWarning, capture_embeddings
from nnlens.capturing.loop import CaptureProgress
from nnlens.capturing.plan import CaptureEstimate, estimate_capture
from nnlens.capturing.run import capture, capture_from_references

__all__ = [
    "BrokenFilesWarning",
    "CaptureEstimate",
    "CaptureProgress",
    "InvalidEmbeddingsWarning",
    "InvalidLogitsWarning",
    "LabelWarning",
    "NearChanceWarning",
    "PreprocessWarning",
    "capture",
    "capture_embeddings",
    "capture_from_references",
    "estimate_capture",
]
