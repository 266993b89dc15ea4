"""Architectures as plain data: JSON beside the weights, or the configuration that a file of a whole network holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from keras.src.backend import StatelessScope
from keras.src.backend.common.global_state import get_global_attribute, set_global_attribute
from keras.src.legacy.saving.saving_utils import model_from_config

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.keras.old_configuration import is_old, modern

CODE = frozenset({"Lambda", "__lambda__"})
"""What carries code."""
OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
"""Layers by which tf.keras kept operations of TensorFlow in a graph."""
WIDTHS = ("units", "filters", "input_dim", "output_dim")
"""Settings that need at least as many weights as they say."""
SMALLEST = 0.5
"""Bytes of the smallest weight."""
WAITING = "uninitialized_variables"
"""Where Keras keeps the weights that it has still to make."""


def read_json(place: str, size: int) -> Any:
    """Build the network that a JSON file describes, without weights.

    Parameters
    ----------
    place : str
    size : int
        Bytes of the weights that go into it.

    Raises
    ------
    ModelError
        If there is none, or Keras cannot build it, or it asks for far more weights.
    """
    path = Path(place).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no architecture file {place!r}.", "Give the JSON that Keras wrote.")
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{place} is no JSON: {first_line(error)}", "Give the file that Keras wrote."
        ) from error
    version = str(config.get("keras_version", "")) if isinstance(config, dict) else ""
    check_code(config, path.name)
    check_size(config, path.name, version, size)
    return from_config(config, path.name, version)


def from_config(config: Any, name: str, version: str = "") -> Any:
    """Build a network from its configuration; layers with code in them are refused.

    Parameters
    ----------
    config : dict
    name : str
        Of the file, for messages.
    version : str
        Of the Keras that wrote it, as far as that is known.

    Raises
    ------
    ModelError
        If Keras cannot build it.
    """
    check_code(config, name)
    try:
        if is_old(config, version):
            return model_from_config(modern(config, name))
        if "module" not in config:  # in an HDF5 file of Keras 3
            return model_from_config(json.loads(json.dumps(config)))  # it takes things out of what it gets
        return keras.saving.deserialize_keras_object(untrained(config), safe_mode=True)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"Keras cannot build {name}: {first_line(error)}", "Give the code of the network."
        ) from error


def untrained(config: Any) -> Any:
    """Leave out how a network and those inside of it were trained: an optimizer has weights of its own."""
    if isinstance(config, dict):
        return {key: untrained(value) for key, value in config.items() if key != "compile_config"}
    return [untrained(value) for value in config] if isinstance(config, list) else config


def check_code(config: Any, name: str) -> None:
    """Refuse layers with code in them, and those that stand for operations which Keras no longer has.

    Raises
    ------
    ModelError
        Naming what it is.
    """
    try:
        classes = set(_classes(config))
    except RecursionError:
        raise ModelError(f"{name} nests its layers too deeply.", "Do not open it.") from None
    if classes & CODE:
        raise ModelError(
            f"{name} carries code in its layers, which is not run.", "Build it without Lambda layers."
        )
    if found := sorted(classes & OPERATIONS):
        raise ModelError(
            f"{name} holds operations of TensorFlow as layers ({', '.join(found)}), which Keras 3 cannot build.",
            "Give the code of the network: architecture='file.py:callable' (--architecture on the command line).",
        )


def check_size(config: Any, name: str, version: str, size: int) -> None:
    """Refuse a network that has far more weights than its file: a few bytes could ask for all memory.

    Nothing of it is allocated here: Keras works the shapes out alone.

    Raises
    ------
    ModelError
        If so, or if Keras cannot build it.
    """
    widest = _widest(config)
    if widest * SMALLEST > size:
        raise ModelError(
            f"{name} asks for a layer of {widest:,}, but holds no weights for it.", "Do not open it."
        )
    with _shapes_alone():
        count = from_config(config, name, version).count_params()
    if count * SMALLEST > size:
        raise ModelError(
            f"{name} asks for {count:,} weights, but has {size:,} bytes for them.", "Do not open it."
        )


@contextmanager
def _shapes_alone() -> Iterator[None]:
    """Let Keras work out shapes without making weights.

    It would make them later, with those of the next layer that anybody builds: gigabytes of a file that was refused.
    """
    waiting = [*(get_global_attribute(WAITING) or [])]
    try:
        with StatelessScope(initialize_variables=False):
            yield
    finally:
        set_global_attribute(WAITING, waiting)


def _classes(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        yield str(config.get("class_name"))
    inner = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for each in inner:
        yield from _classes(each)


def _widest(config: Any) -> int:
    """Return the largest number of units or filters in a nested configuration."""
    if isinstance(config, list):
        return max(map(_widest, config), default=0)
    if not isinstance(config, dict):
        return 0
    own = [value for key, value in config.items() if key in WIDTHS and isinstance(value, int)]
    return max([*own, *map(_widest, config.values())], default=0)
