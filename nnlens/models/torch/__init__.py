"""torch networks behind the Model protocol; the only part of nnlens that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture, build, find_architecture
from nnlens.models.base import ModelReference
from nnlens.models.origins import Told, told_by_origin
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import Kind
from nnlens.models.spec import FUNCTION
from nnlens.models.torch.model import TorchModel
from nnlens.models.torch.pairs import OwnInput, open_pair
from nnlens.models.torch.weights import fill, read_weights

__all__ = ["TorchModel", "open_code", "open_file", "wrap"]

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
    if found.pair is not None:
        module, own, more = open_pair(found.pair)
        place = (source, found.spec, sha256) if found.spec is not None else None
        notes += fill(module, weights) + more
        return _with_own_input(module, own, preprocess, path.stem, place, notes)
    module = build(found)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"The architecture returns {type(module).__name__}, not a torch.nn.Module.", "Return the network."
        )
    notes += fill(module, weights)
    used, more = (preprocess, ()) if preprocess else _told(module, path.name, found)
    reference = ModelReference(source, found.spec, used, sha256) if found.spec is not None else None
    return TorchModel(module.float().eval(), used, path.stem, reference, notes + more)


def open_code(path: Path, source: str, preprocess: Preprocess | None, sha256: str) -> TorchModel:
    """Run a Python file that the user named, and open the network that its ``get_model_and_input`` gives.

    Raises
    ------
    ModelError
        If there is no such function, or it fails.
    """
    found = find_architecture(str(path))
    if found.pair is None:  # pragma: no cover - a file without a callable is always a pair
        raise ModelError(
            f"{path.name} holds no network.", "Give it with the file of weights, as --architecture."
        )
    module, own, notes = open_pair(found.pair)
    return _with_own_input(module, own, preprocess, path.stem, (source, None, sha256), notes)


def _with_own_input(
    module: nn.Module,
    own: OwnInput,
    preprocess: Preprocess | None,
    name: str,
    place: tuple[str, str | None, str] | None,
    notes: tuple[str, ...],
) -> TorchModel:
    """Open a network with the inputs of its own code, unless the user gives another preprocessing."""
    given = preprocess is not None and not preprocess.code
    used = preprocess if preprocess is not None and given else own.preprocess
    reference = ModelReference(*place[:2], used, place[2]) if place is not None else None
    said = [note for note in notes if not given or FUNCTION not in note]
    return TorchModel(module.float().eval(), used, name, reference, said, None if given else own)


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
