"""Reading weights without running what a file carries, and putting them into a network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.sniff import AGAIN, STATE_DICT_HINT, TRUST_HINT, Kind
from nnlens.models.torch import programs

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training programs keep the weights among other things."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What wrappers put before every name: DataParallel, torch.compile, Lightning."""
REFUSALS = ("Unsupported global", "Unsupported class", "Unsupported operand", "weights_only", "Blocklisted")
SHOWN = 3

Weights = dict[str, Tensor]


def read_weights(path: Path, kind: Kind, trust: bool = False) -> tuple[Weights, tuple[str, ...]]:
    """Read the weights of a file; of a program only where it is trusted.

    Returns
    -------
    weights : dict of str to Tensor
        On the processor.
    notes : tuple of str
        What was unwrapped, in sentences.

    Raises
    ------
    ModelError
        If the file is damaged, or carries more than weights.
    """
    loaded = _read(path, kind, trust)
    if isinstance(loaded, Mapping) and loaded and all(isinstance(value, Tensor) for value in loaded.values()):
        return dict(loaded), ()
    for key in WRAPPINGS:
        inner = loaded.get(key) if isinstance(loaded, Mapping) else None
        if isinstance(inner, Mapping):
            tensors = {name: value for name, value in inner.items() if isinstance(value, Tensor)}
            if tensors:
                return tensors, (f"The weights were taken from the entry {key!r} of the file.",)
    raise ModelError(f"{path.name} holds no weights by name.", STATE_DICT_HINT)


def _read(path: Path, kind: Kind, trust: bool) -> Any:
    if kind == "safetensors":
        return _read_safetensors(path)
    return programs.read_state(path, kind) if trust else _read_pickle(path)


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error


def _read_pickle(path: Path) -> Any:
    """Unpickle weights only. After a refusal nothing else is tried: the other way runs the file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if any(word in str(error) for word in REFUSALS) and isinstance(
            error, pickle.UnpicklingError | RuntimeError
        ):
            raise ModelError(
                f"{path.name} carries Python objects and not weights alone: opening it could run code.",
                TRUST_HINT,
            ) from error
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error


def fill(module: nn.Module, weights: Weights) -> tuple[str, ...]:
    """Copy weights into a network in place; numbers of half precision become what the network computes in.

    Returns
    -------
    tuple of str
        Notes on what was renamed.

    Raises
    ------
    ModelError
        If names or shapes differ; the message names the first few.
    """
    expected = module.state_dict()
    weights, notes = _without_prefix(weights, expected)
    missing, extra = _but(expected, weights), _but(weights, expected)
    if missing or extra:
        parts = [
            f"{word} {_listed(names)}" for word, names in (("lack", missing), ("have also", extra)) if names
        ]
        raise ModelError(
            f"The weights do not fit the architecture: they {' and '.join(parts)}.",
            "Is it the right architecture?",
        )
    shapes = [
        f"{name} is {tuple(weights[name].shape)} in the file and {tuple(tensor.shape)} in the architecture"
        for name, tensor in expected.items()
        if weights[name].shape != tensor.shape
    ]
    if shapes:
        raise ModelError(f"The weights do not fit the architecture: {_listed(shapes)}.", "Check its sizes.")
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(f"The weights do not fit the architecture: {first_line(error)}") from error
    return notes


def _without_prefix(weights: Weights, expected: Mapping[str, Any]) -> tuple[Weights, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    for _ in range(len(PREFIXES)):
        prefix = next((text for text in PREFIXES if all(name.startswith(text) for name in weights)), None)
        if prefix is None or set(weights) & set(expected):
            break
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
        notes += (f"The prefix {prefix!r} was dropped from the names of the weights.",)
    return weights, notes


def _but(names: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    return [name for name in names if name not in others]


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
