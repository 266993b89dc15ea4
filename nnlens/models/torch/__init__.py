"""torch networks behind the Model protocol; the only part of nnlens that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture, build, find_architecture
from nnlens.models.base import ModelReference
from nnlens.models.conventions import Told, told_by_origin
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
    used, more = (preprocess, ()) if preprocess else _told(module, path.name, found)
    reference = ModelReference(source, found.spec, used, sha256) if found.spec is not None else None
    return TorchModel(module.float().eval(), used, path.stem, reference, notes + more)


def wrap(module: nn.Module, preprocess: Preprocess | None, notes: Sequence[str] = ()) -> TorchModel:
    """Put a live network behind the protocol; it is not copied.

    Raises
    ------
    ModelError
        If it cannot be run.
    """
    name = type(module).__name__
    used, more = (preprocess, ()) if preprocess else _told(module, name)
    return TorchModel(module, used, name, notes=(*notes, *more))


def _told(module: nn.Module, name: str, architecture: Architecture | None = None) -> Told:
    """Return what the code of a network, the network itself or its library says of its images, with notes."""
    for owner in (architecture, module):
        told = getattr(owner, "preprocess", None)
        if isinstance(told, Preprocess):
            return told, ()
    known = told_by_origin(architecture, module, name)
    if known is not None:
        return known
    raise ModelError(f"Nothing tells how images become inputs of {name}.", PREPROCESS_HINT)
