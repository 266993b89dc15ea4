"""Reading weights without running what a file carries, and putting them into a network."""

from __future__ import annotations

import argparse
import pathlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture, first_line
from nnlens.models.sniff import AGAIN, STATE_DICT_HINT, TRUST_HINT, Kind
from nnlens.models.torch import programs
from nnlens.models.torch.fitting import misfit

WRAPPINGS = (
    *(
        "state_dict",
        "model_state_dict",
        "model_state",
        "model",
        "module",
        "net",
        "network",
        "weights",
        "params",
    ),
    *("state_dict_ema", "model_ema", "params_ema", "ema", "teacher", "student"),
)
"""Keys under which training programs keep the weights among other things; the averaged ones only for want of others."""
DEEPEST = 4
"""Mappings in one another."""
HARMLESS = [
    argparse.Namespace,
    pathlib.PosixPath,
    pathlib.PurePosixPath,
    np.dtype,
    *{type(np.dtype(kind)) for kind in "?bBhHiIlLqQefd"},
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
]
"""Plain data that training programs keep beside the weights: settings, paths and numbers. None of it runs code."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What wrappers put before every name: DataParallel, torch.compile, Lightning."""
REFUSALS = ("Unsupported global", "Unsupported class", "Unsupported operand", "weights_only", "Blocklisted")
COUNTER = "num_batches_tracked"

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
    keys: tuple[str, ...] = ()
    while isinstance(loaded, Mapping) and len(keys) < DEEPEST:
        named = {
            name: value
            for name, value in loaded.items()
            if isinstance(name, str) and isinstance(value, Tensor)
        }
        inner = next((key for key in WRAPPINGS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            if not named:
                break
            return named, _unwrapped(keys, len(loaded) - len(named))
        keys += (inner,)
        loaded = loaded[inner]
    raise ModelError(f"{path.name} holds no weights by name.", STATE_DICT_HINT)


def _unwrapped(keys: tuple[str, ...], left: int) -> tuple[str, ...]:
    """Say what was unwrapped and what was left out."""
    notes = [f"The weights were taken from the entry {key!r} of the file." for key in keys]
    if left:
        notes.append(
            f"{left:,} {'entry' if left == 1 else 'entries'} beside the weights, not tensors, were left out."
        )
    return tuple(notes)


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
        with torch.serialization.safe_globals(HARMLESS):
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


def fill(module: nn.Module, weights: Weights, architecture: Architecture | None = None) -> tuple[str, ...]:
    """Copy weights into a network in place; numbers of half precision become what the network computes in.

    Parameters
    ----------
    module : Module
    weights : dict of str to Tensor
    architecture : Architecture, optional
        What built the network, for messages.

    Returns
    -------
    tuple of str
        Notes on what was renamed.

    Raises
    ------
    ModelError
        If names or shapes differ; the message names the first few.
    """
    expected = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    weights, notes = _renamed(weights, expected)
    weights, more = _with_counters(weights, expected)
    wrong = misfit(shapes_of(weights), shapes_of(expected), architecture)
    if wrong is not None:
        raise wrong
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(f"The weights do not fit the architecture: {first_line(error)}") from error
    return notes + more


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _renamed(weights: Weights, expected: Mapping[str, Tensor]) -> tuple[Weights, tuple[str, ...]]:
    """Drop what wrappers put before every name, and put it there where only the architecture has a wrapper."""
    notes: tuple[str, ...] = ()
    for _ in range(len(PREFIXES)):
        prefix = next((text for text in PREFIXES if all(name.startswith(text) for name in weights)), None)
        if prefix is None or set(weights) & set(expected):
            break
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
        notes += (f"The prefix {prefix!r} was dropped from the names of the weights.",)
    if not weights or set(weights) & set(expected):
        return weights, notes
    theirs, own = _common(weights), _common(expected)
    renamed = {own + name.removeprefix(theirs): value for name, value in weights.items()}
    if not set(renamed) <= set(expected):
        return weights, notes
    words = (
        f"The prefix {theirs!r} of the weights' names" if theirs else "The beginning of the weights' names"
    )
    return renamed, (*notes, f"{words} was changed to {own!r}, as the architecture has it.")


def _common(names: Mapping[str, Tensor]) -> str:
    """Return what all names begin with, up to a dot."""
    first, last = min(names, default=""), max(names, default="")
    same = next((place for place, signs in enumerate(zip(first, last, strict=False)) if len({*signs}) > 1), 0)
    return first[: first.rfind(".", 0, same) + 1]


def _with_counters(weights: Weights, expected: Mapping[str, Tensor]) -> tuple[Weights, tuple[str, ...]]:
    """Add the counters of batches that torch before 0.4.1 did not save; only training reads them."""
    added = {
        name: value for name, value in expected.items() if name.endswith(COUNTER) and name not in weights
    }
    if not added:
        return weights, ()
    return weights | added, ("The weights lack counters of batches, which only training uses.",)
