"""Opening files of Keras: whole networks, or weights for an architecture."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture, build, find_architecture, first_line
from nnlens.models.base import ModelReference
from nnlens.models.keras.configuration import from_config, is_old_sequence, read_json
from nnlens.models.keras.graph import functional
from nnlens.models.keras.model import KerasModel
from nnlens.models.preprocess import Order, Preprocess
from nnlens.models.sniff import AGAIN, Kind

SUFFIXES = {"keras": ".keras", "hdf5": ".h5"}
WEIGHTS = ".weights.h5"
SCALING = frozenset({"Rescaling", "Normalization"})
SCALED_NOTE = "The network scales its values itself, so it gets them from 0 to 255."
ASSUMED_NOTE = "Nothing tells how images become inputs: values are scaled to 0–1."
WIDTHS = ("units", "filters", "input_dim", "output_dim")
"""Settings that need at least as many weights as they say."""
HALF = 2
"""Bytes of the smallest weight."""


def open_file(
    path: Path,
    kind: Kind,
    source: str,
    architecture: str | Callable[[], Any] | None,
    preprocess: Preprocess | None,
    sha256: str,
) -> KerasModel:
    """Open a whole network, or weights with the architecture they belong to.

    Nothing that a file carries is run: Keras refuses layers with code in them (``safe_mode``).

    Raises
    ------
    ModelError
        If something is missing, damaged or does not fit.
    """
    config = _checked_config(path, kind)
    found = _architecture(architecture, config, path.name)
    with _named(path, kind, weights_only=config is None) as named:
        model = _load(named, path.name) if found is None else _fill(build(found), named, path.name)
    used = preprocess or (None if found is None else found.preprocess)
    notes: tuple[str, ...] = ()
    if used is None:
        used, notes = default_preprocess(model, path.name)
    spec = None if found is None else found.spec
    openable = architecture is None or spec is not None
    reference = ModelReference(source, spec, used, sha256) if openable else None
    return KerasModel(model, used, path.stem, reference, notes)


def _architecture(given: str | Callable[[], Any] | None, config: Any, name: str) -> Architecture | None:
    """Return what builds the network that the weights go into; None where Keras opens the file as it is."""
    if isinstance(given, str) and given.endswith(".json"):
        return Architecture(partial(read_json, given), given, None)
    if given is not None:
        return find_architecture(given)
    if config is None:
        raise ModelError(
            f"{name} holds weights alone; Keras also needs the architecture.",
            "Give architecture='file.py:callable' or a JSON that Keras wrote (--architecture on the command line).",
        )
    return Architecture(partial(from_config, config, name), None, None) if is_old_sequence(config) else None


def wrap(model: Any, preprocess: Preprocess | None) -> KerasModel:
    """Put a live network behind the protocol; it is not copied.

    Raises
    ------
    ModelError
        If it cannot be run.
    """
    notes: tuple[str, ...] = ()
    if preprocess is None:
        preprocess, notes = default_preprocess(model, model.name)
    return KerasModel(model, preprocess, model.name, notes=notes)


def default_preprocess(model: Any, name: str) -> tuple[Preprocess, tuple[str, ...]]:
    """Tell from a network's input how images become inputs, with notes on what was assumed.

    Raises
    ------
    ModelError
        If the input's shape does not say the size.
    """
    graph = functional(model)
    shape = tuple(graph.inputs[0].shape[1:]) if graph is not None else ()
    shape = (*shape, 1) if len(shape) == 2 else shape
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        shape = (*shape[1:], shape[0])
    if len(shape) != 3 or None in shape or shape[2] not in (1, 3):
        raise ModelError(
            f"The input of {name} does not tell the size of images.", "Give preprocess=Preprocess(size, …)."
        )
    order: Order = "grey" if shape[2] == 1 else "RGB"
    if any(type(operation).__name__ in SCALING for operation in graph.operations):
        return Preprocess(shape[:2], scale=1, order=order), (SCALED_NOTE,)
    return Preprocess(shape[:2], order=order), (ASSUMED_NOTE,)


def _load(named: Path, name: str) -> Any:
    try:
        return keras.saving.load_model(named, compile=False, safe_mode=True)
    except Exception as error:
        raise _refusal(name, error) from error


def _refusal(name: str, error: Exception) -> ModelError:
    text = str(error)
    if "safe_mode" in text or "unsafe" in text.lower() or "lambda" in text.lower():
        return ModelError(
            f"{name} carries code in its layers, which is not run.", "Build it without Lambda layers."
        )
    if isinstance(error, OSError | EOFError | zipfile.BadZipFile):
        return ModelError(f"{name} is cut off or damaged.", AGAIN)
    return ModelError(
        f"Keras cannot open {name}: {first_line(error)}", "Was it saved by another version of Keras?"
    )


def _fill(model: Any, named: Path, name: str) -> Any:
    if functional(model) is None:
        raise ModelError(
            f"The architecture returns {type(model).__name__}, not a graph of Keras layers.",
            "Return the network.",
        )
    try:
        model.load_weights(named)
    except Exception as error:
        raise ModelError(
            f"The weights of {name} do not fit the architecture: {first_line(error)}",
            "Is it the right architecture?",
        ) from error
    return model


@contextmanager
def _named(path: Path, kind: Kind, weights_only: bool) -> Iterator[Path]:
    """Give a file the ending by which Keras tells what it is, where it has another."""
    suffix = SUFFIXES[kind]
    if weights_only and not _is_old(path):
        suffix = WEIGHTS
    if path.name.endswith(suffix):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / (path.stem + suffix)
        link.symlink_to(path.resolve())
        yield link


def _is_old(path: Path) -> bool:
    """Whether a file of weights is as Keras 2 wrote it."""
    with h5py.File(path) as file:
        return "layer_names" in file.attrs


def _checked_config(path: Path, kind: Kind) -> Any:
    """Return the configuration of the network in a file; None where it holds weights alone.

    Raises
    ------
    ModelError
        If it asks for more units than it has weights for: a few bytes could ask for all memory.
    """
    config = _keras_config(path) if kind == "keras" else _h5_config(path)
    width = _widest(config)
    if width * HALF > path.stat().st_size:
        raise ModelError(
            f"{path.name} asks for a layer of {width:,}, but holds no weights for it.", "Do not open it."
        )
    return config


def _keras_config(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error


def _h5_config(path: Path) -> Any:
    """Return the architecture in an HDF5 file, or None where it holds weights alone."""
    try:
        with h5py.File(path) as file:
            text = file.attrs.get("model_config")
            return None if text is None else json.loads(text)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error


def _widest(config: Any) -> int:
    """Return the largest number of units or filters in a nested configuration."""
    if isinstance(config, list):
        return max(map(_widest, config), default=0)
    if not isinstance(config, dict):
        return 0
    own = [value for key, value in config.items() if key in WIDTHS and isinstance(value, int)]
    return max([*own, *map(_widest, config.values())], default=0)
