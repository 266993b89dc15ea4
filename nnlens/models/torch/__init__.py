"""torch networks behind the Model protocol; the only part of nnlens that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from nnlens.errors import ModelError
from nnlens.models.architecture import build, find_architecture
from nnlens.models.base import ModelReference
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import Kind
from nnlens.models.torch.model import TorchModel
from nnlens.models.torch.weights import fill, read_weights

__all__ = ["TorchModel", "open_file", "wrap"]

PREPROCESS_HINT = (
    "Give preprocess=Preprocess(size, …) (--size on the command line; 'nnlens doctor' finds the rest), or define "
    "`preprocess` beside the architecture."
)


def open_file(
    path: Path,
    kind: Kind,
    source: str,
    architecture: str | Callable[[], Any] | None,
    preprocess: Preprocess | None,
    sha256: str,
) -> TorchModel:
    """Build an architecture and fill it with the weights of a file.

    Raises
    ------
    ModelError
        If something is missing, damaged or does not fit.
    """
    if architecture is None:
        raise ModelError(
            f"{path.name} holds weights alone; torch also needs the code of the network.",
            "Give architecture='file.py:callable' (--architecture on the command line).",
        )
    weights, notes = read_weights(path, kind)
    found = find_architecture(architecture)
    module = build(found)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"The architecture returns {type(module).__name__}, not a torch.nn.Module.", "Return the network."
        )
    notes += fill(module, weights)
    used = preprocess or found.preprocess or _told(module, path.name)
    reference = ModelReference(source, found.spec, used, sha256) if found.spec is not None else None
    return TorchModel(module.float().eval(), used, path.stem, reference, notes)


def wrap(module: nn.Module, preprocess: Preprocess | None, notes: Sequence[str] = ()) -> TorchModel:
    """Put a live network behind the protocol; it is not copied.

    Raises
    ------
    ModelError
        If it cannot be run.
    """
    name = type(module).__name__
    return TorchModel(module, preprocess or _told(module, name), name, notes=notes)


def _told(module: nn.Module, name: str) -> Preprocess:
    """Return what a network itself says of its images."""
    told = getattr(module, "preprocess", None)
    if isinstance(told, Preprocess):
        return told
    raise ModelError(f"Nothing tells how images become inputs of {name}.", PREPROCESS_HINT)
