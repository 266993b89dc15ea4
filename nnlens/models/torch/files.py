"""Opening files of torch: weights for an architecture, code that brings its weights, and programs that are trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from nnlens.models.torch import programs
from nnlens.models.torch.model import TorchModel
from nnlens.models.torch.pairs import OwnInput, open_pair
from nnlens.models.torch.suggesting import describe, suggest
from nnlens.models.torch.weights import fill, read_weights, shapes_of

PREPROCESS_HINT = (
    "Give preprocess=Preprocess(size, …) (--size on the command line; 'nnlens doctor' finds the rest), or define "
    "`preprocess` beside the architecture."
)


@dataclass(frozen=True)
class Place:
    """What was asked for, which a reference repeats.

    Attributes
    ----------
    path : Path
    source : str
        As the caller wrote it.
    sha256 : str
    trust : bool
    """

    path: Path
    source: str
    sha256: str
    trust: bool = False

    def model(
        self,
        module: nn.Module,
        told: Told,
        notes: Sequence[str],
        *,
        spec: str | None = None,
        openable: bool = True,
        own_input: OwnInput | None = None,
    ) -> TorchModel:
        """Put a network behind the protocol, in float32 and evaluation mode."""
        used, more = told
        reference = ModelReference(self.source, spec, used, self.sha256, self.trust) if openable else None
        return TorchModel(module.float().eval(), used, self.path.stem, reference, (*notes, *more), own_input)


def open_file(
    path: Path,
    kind: Kind,
    source: str,
    architecture: str | Callable[[], Any] | None,
    preprocess: Preprocess | None,
    sha256: str,
    trust: bool = False,
) -> TorchModel:
    """Build an architecture and fill it with the weights of a file; or open a program, where it is trusted.

    Raises
    ------
    ModelError
        If something is missing, damaged or does not fit.
    """
    place = Place(path, source, sha256, trust)
    if architecture is None:
        return _open_program(place, kind, preprocess)
    weights, notes = read_weights(path, kind, trust)
    found = find_architecture(architecture)
    openable = found.spec is not None
    if found.pair is not None:
        module, own, more = open_pair(found.pair)
        notes += fill(module, weights, found)
        told, used = _by_own_code(own, preprocess, more)
        return place.model(module, told, notes, spec=found.spec, openable=openable, own_input=used)
    module = build(found)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"The architecture returns {type(module).__name__}, not a torch.nn.Module.", "Return the network."
        )
    notes += fill(module, weights, found)
    return place.model(
        module, _told(module, path.name, preprocess, found), notes, spec=found.spec, openable=openable
    )


def open_code(path: Path, source: str, preprocess: Preprocess | None, sha256: str) -> TorchModel:
    """Run a Python file that the user named, and open the network that its ``get_model_and_input`` gives.

    Raises
    ------
    ModelError
        If there is no such function, or it fails.
    """
    found = find_architecture(str(path))
    if found.pair is None:  # pragma: no cover - a file without a callable is always a pair
        raise ModelError(f"{path.name} holds no network.", "Give it as the architecture of weights.")
    module, own, notes = open_pair(found.pair)
    told, used = _by_own_code(own, preprocess, notes)
    return Place(path, source, sha256).model(module, told, (), own_input=used)


def wrap(module: nn.Module, preprocess: Preprocess | None, notes: Sequence[str] = ()) -> TorchModel:
    """Put a live network behind the protocol; it is not copied.

    Raises
    ------
    ModelError
        If it cannot be run.
    """
    name = type(module).__name__
    used, more = _told(module, name, preprocess)
    return TorchModel(module, used, name, notes=(*notes, *more))


def _open_program(place: Place, kind: Kind, preprocess: Preprocess | None) -> TorchModel:
    """Open a file that brings its own code, where the user trusts it."""
    name = place.path.name
    if not place.trust or kind == "safetensors":
        raise _without_code(place.path, kind)
    ran = (programs.RAN.format(name=name),)
    if kind == "torchscript":
        if preprocess is None:
            raise _nothing_tells(name)
        return place.model(programs.open_script(place.path, preprocess), (preprocess, ()), ran)
    if kind == "exported":
        module: nn.Module | None = programs.open_exported(place.path)
    else:
        module = programs.network_in(programs.unpickle(place.path, kind))
    if module is None:
        raise _without_code(place.path, kind)
    return place.model(module, _told(module, name, preprocess), ran)


def _by_own_code(
    own: OwnInput, preprocess: Preprocess | None, notes: Sequence[str]
) -> tuple[Told, OwnInput | None]:
    """Tell how images become inputs: by the code, unless the user gives another preprocessing."""
    if preprocess is not None and not preprocess.code:
        return (preprocess, tuple(note for note in notes if FUNCTION not in note)), None
    return (own.preprocess, tuple(notes)), own


def _told(
    module: nn.Module, name: str, preprocess: Preprocess | None, architecture: Architecture | None = None
) -> Told:
    """Return the preprocessing that is given, or that the code, the network or its library tells, with notes."""
    if preprocess is not None:
        return preprocess, ()
    for owner in (architecture, module):
        told = getattr(owner, "preprocess", None)
        if isinstance(told, Preprocess):
            return told, ()
    known = told_by_origin(architecture, module, name)
    if known is None:
        raise _nothing_tells(name)
    return known


def _nothing_tells(name: str) -> ModelError:
    return ModelError(f"Nothing tells how images become inputs of {name}.", PREPROCESS_HINT)


def _without_code(path: Path, kind: Kind) -> ModelError:
    """Say that weights need the code of their network, and what that may be by their names and shapes.

    Raises
    ------
    ModelError
        If the file holds no weights either, or carries code.
    """
    shapes = shapes_of(read_weights(path, kind)[0])
    found = suggest(shapes)
    layers = describe(shapes)
    hint = "Give architecture='file.py:callable' (--architecture on the command line)"
    if found is not None:
        hint = f"By names and shapes, try --architecture '{found}'"
    elif layers:
        hint += f" with these layers: {layers}"
    return ModelError(
        f"{path.name} holds weights alone; torch also needs the code of the network.", f"{hint}."
    )
