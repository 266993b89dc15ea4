"""Files of torch that are programs: TorchScript, exported programs and pickled networks.

Opening one runs what is in it, so this happens only where the user says that they trust the file. What comes out is a
tree of modules again, which the rest looks into as into any other: into TorchScript itself no hook can be put.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.unflatten import InterpreterModule, UnflattenedModule

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import AGAIN, STATE_DICT_HINT, Kind
from nnlens.models.torch.trace import BATCH

RAN = "{name} is a program: the code in it was run, because you trust it."
BACK = "Give the module that it was made from, or a program of torch.export."


def open_exported(path: Path) -> nn.Module:
    """Open a program of ``torch.export`` as the tree of modules that it was made from.

    Raises
    ------
    ModelError
        If torch cannot.
    """
    try:
        with _quiet():
            return _tree(torch.export.load(path))
    except Exception as error:
        raise _failed(path.name, error) from error


def open_script(path: Path, preprocess: Preprocess) -> nn.Module:
    """Open a TorchScript program as an exported one, by which its parts can be watched.

    Raises
    ------
    ModelError
        If torch cannot.
    """
    try:
        with _quiet():
            script = torch.jit.load(path, map_location="cpu").float().eval()
    except Exception as error:
        raise _failed(path.name, error) from error
    image = torch.zeros(BATCH, preprocess.channels, preprocess.height, preprocess.width)
    try:
        with _quiet(), torch.no_grad():
            script(image)
    except Exception as error:
        raise ModelError(
            f"The network does not take inputs of {'×'.join(map(str, image.shape[1:]))}: {_cause(error)}",
            "Check size and order of the preprocessing.",
        ) from error
    try:
        with _quiet():
            # the only way that torch has from TorchScript to something with parts that can be watched
            from torch._export.converter import TS2EPConverter

            tree = _tree(TS2EPConverter(script, (image,)).convert())
    except Exception as error:
        raise ModelError(
            f"{path.name} is TorchScript that cannot be looked into: {_cause(error)}", BACK
        ) from error
    _restore_parameters(tree, [name for name, _ in script.named_parameters()])
    return tree


def unpickle(path: Path, kind: Kind) -> Any:
    """Load a pickle, with whatever it does.

    Raises
    ------
    ModelError
        If it cannot be loaded, because its classes are not here or it is damaged.
    """
    try:
        with _quiet():
            if kind == "torch":
                return torch.load(path, map_location="cpu", weights_only=False)
            with path.open("rb") as file:
                return pickle.load(file)  # noqa: S301 - the user said so
    except (AttributeError, ImportError) as error:
        raise ModelError(
            f"{path.name} needs code that is not here: {first_line(error)}",
            f"Put the folder of that code on PYTHONPATH. {STATE_DICT_HINT}",
        ) from error
    except Exception as error:
        raise _failed(path.name, error) from error


def read_state(path: Path, kind: Kind) -> Any:
    """Return the weights of a program, for an architecture of the user's; what else was pickled as it is.

    Raises
    ------
    ModelError
        If torch cannot open it.
    """
    if kind not in ("torchscript", "exported"):
        loaded = unpickle(path, kind)
        network = network_in(loaded)
        return loaded if network is None else network.state_dict()
    try:
        with _quiet():
            if kind == "exported":
                return dict(torch.export.load(path).state_dict)
            return torch.jit.load(path, map_location="cpu").state_dict()
    except Exception as error:
        raise _failed(path.name, error) from error


def network_in(loaded: Any) -> nn.Module | None:
    """Return the network in what was unpickled: itself, or by the names that training programs use."""
    found = loaded
    if isinstance(loaded, Mapping):
        found = next((loaded[key] for key in ("model", "net", "network", "ema") if key in loaded), None)
    return found if isinstance(found, nn.Module) else None


def _tree(program: torch.export.ExportedProgram) -> UnflattenedModule:
    """Return the modules of a program, each with the kind it had; it takes batches of any size that its code can."""
    tree = torch.export.unflatten(program)
    tree.check_input_constraints = False
    for name, kind in _kinds(program):
        part = dict(tree.named_modules()).get(name)
        if isinstance(part, InterpreterModule):
            part.ty = kind
    return tree


def _kinds(program: torch.export.ExportedProgram) -> Iterator[tuple[str, str]]:
    for node in program.graph.nodes:
        for name, kind in (node.meta.get("nn_module_stack") or {}).values():
            yield name, str(getattr(kind, "__name__", kind)).rpartition(".")[2]


def _restore_parameters(tree: nn.Module, names: list[str]) -> None:
    """Make parameters again of what the conversion keeps as buffers: weights are told from statistics by that."""
    for name in names:
        place, _, own = name.rpartition(".")
        owner = dict(tree.named_modules()).get(place)
        tensor = None if owner is None else owner._buffers.get(own)
        if owner is not None and isinstance(tensor, Tensor):
            del owner._buffers[own]
            owner.register_parameter(own, nn.Parameter(tensor))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and logs of a conversion to themselves: they are about how the program was written."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _failed(name: str, error: Exception) -> ModelError:
    return ModelError(f"{name} cannot be opened: {type(error).__name__}: {_cause(error)}", AGAIN)


def _cause(error: Exception) -> str:
    """Return the line of a message that says what happened: TorchScript puts a trace before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.partition(":")[0].endswith("Error")), None)
    return f"{last.rstrip('.')}." if last else first_line(error)
