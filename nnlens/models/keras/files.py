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
from nnlens.models.keras.configuration import check_code, check_size, from_config, read_json
from nnlens.models.keras.graph import functional
from nnlens.models.keras.model import KerasModel
from nnlens.models.keras.new_weights import fill
from nnlens.models.keras.old_configuration import is_old
from nnlens.models.keras.old_weights import fill_old, is_filled_by_layer
from nnlens.models.keras.preprocessing import default_preprocess
from nnlens.models.keras.storage import WEIGHTS_MEMBER, check_storage
from nnlens.models.preprocess import Preprocess
from nnlens.models.sniff import AGAIN, Kind

SUFFIXES = {"keras": ".keras", "hdf5": ".h5"}
WEIGHTS = ".weights.h5"
CONFIG, METADATA = "config.json", "metadata.json"
"""Members of a `.keras` archive."""


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
    config, version = checked_config(path, kind, whole=architecture is None)
    found = _architecture(architecture, config, version, path)
    if found is None:
        with _named(path, SUFFIXES[kind]) as named:
            model = _load(named, path.name)
    else:
        model = fill_from(build(found), path, kind)
    used = preprocess or (None if found is None else found.preprocess)
    notes: tuple[str, ...] = ()
    if used is None:
        used, notes = default_preprocess(model, path.name)
    spec = None if found is None else found.spec
    openable = architecture is None or spec is not None
    reference = ModelReference(source, spec, used, sha256) if openable else None
    return KerasModel(model, used, path.stem, reference, notes)


def _architecture(
    given: str | Callable[[], Any] | None, config: Any, version: str, path: Path
) -> Architecture | None:
    """Return what builds the network that the weights go into; None where Keras opens the file as it is."""
    if isinstance(given, str) and given.endswith(".json"):
        return Architecture(partial(read_json, given, path.stat().st_size), given, None)
    if given is not None:
        return find_architecture(given)
    if config is None:
        raise ModelError(
            f"{path.name} holds weights alone; Keras also needs the architecture.",
            "Give architecture='file.py:callable' or a JSON that Keras wrote (--architecture on the command line).",
        )
    if not is_old(config, version):
        return None
    return Architecture(partial(from_config, config, path.name, version), None, None)


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


def fill_from(model: Any, path: Path, kind: Kind) -> Any:
    """Put the weights of a file into a network."""
    if functional(model) is None:
        raise ModelError(
            f"The architecture returns {type(model).__name__}, not a graph of Keras layers.",
            "Return the network.",
        )
    if kind == "keras":
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
            fill(model, Path(archive.extract(WEIGHTS_MEMBER, folder)), path.name)
    elif is_filled_by_layer(path):
        with h5py.File(path) as file:
            fill_old(model, file, path.name)
    else:
        with _named(path, WEIGHTS) as named:
            fill(model, named, path.name)
    return model


@contextmanager
def _named(path: Path, suffix: str) -> Iterator[Path]:
    """Give a file the ending by which Keras tells what it is, where it has another."""
    if path.name.endswith(suffix):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / (path.stem + suffix)
        link.symlink_to(path.resolve())
        yield link


def checked_config(path: Path, kind: Kind, whole: bool) -> tuple[Any, str]:
    """Return the configuration of the network in a file, None where it holds weights alone, and Keras' version.

    Raises
    ------
    ModelError
        If it carries code, leads to other files, or asks for more weights than it has.
    """
    try:
        config, version = _keras_config(path) if kind == "keras" else _h5_config(path)
        check_storage(path, kind)
    except (zipfile.BadZipFile, OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error
    if config is not None and whole:
        check_code(config, path.name)
        check_size(config, path.name, version, path.stat().st_size)
    return config, version


def _keras_config(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read(METADATA))
        version = metadata.get("keras_version", "") if isinstance(metadata, dict) else ""
        return json.loads(archive.read(CONFIG)), str(version)


def _h5_config(path: Path) -> tuple[Any, str]:
    with h5py.File(path) as file:
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", "")
        version = version.decode("utf-8", "replace") if isinstance(version, bytes) else str(version)
        return (None if text is None else json.loads(text)), version
