"""torch networks behind the Model protocol; the only part of nnlens that imports torch."""

from __future__ import annotations

from nnlens.models.torch.files import open_code, open_file, wrap
from nnlens.models.torch.model import TorchModel
from nnlens.models.torch.refilling import refilled

__all__ = ["TorchModel", "open_code", "open_file", "refilled", "wrap"]
