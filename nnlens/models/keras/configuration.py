"""Architectures as plain data: JSON beside the weights, or in an HDF5 file of Keras 2 that Keras 3 no longer opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
from keras.src.legacy.saving.saving_utils import model_from_config

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line

CODE = frozenset({"Lambda", "TFOpLambda", "SlicingOpLambda"})
"""Layers that carry code."""


def read_json(place: str) -> Any:
    """Build the network that a JSON file describes, without weights.

    Raises
    ------
    ModelError
        If there is none, or Keras cannot build it.
    """
    path = Path(place).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no architecture file {place!r}.", "Give the JSON that Keras wrote.")
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{place} is no JSON: {first_line(error)}", "Give the file that Keras wrote."
        ) from error
    return from_config(config, path.name)


def is_old_sequence(config: Any) -> bool:
    """Whether a configuration is a Sequential network of Keras 2, which names its input in the first layer."""
    if not isinstance(config, dict) or config.get("class_name") != "Sequential":
        return False
    layers = _layers(config)
    return bool(layers) and "batch_input_shape" in layers[0].get("config", {})


def from_config(config: Any, name: str) -> Any:
    """Build a network from its configuration; layers with code in them are refused.

    Raises
    ------
    ModelError
        If Keras cannot build it.
    """
    if carries_code(config):
        raise ModelError(
            f"{name} carries code in its layers, which is not run.", "Build it without Lambda layers."
        )
    try:
        if isinstance(config, dict) and "module" in config:
            return keras.saving.deserialize_keras_object(config, safe_mode=True)
        return model_from_config(modern(config))  # as Keras 2 wrote it, without modules
    except Exception as error:
        raise ModelError(
            f"Keras cannot build {name}: {first_line(error)}", "Give the code of the network."
        ) from error


def carries_code(config: Any) -> bool:
    """Whether a layer with code stands anywhere in a configuration."""
    if isinstance(config, list):
        return any(map(carries_code, config))
    if isinstance(config, dict):
        return config.get("class_name") in CODE or any(map(carries_code, config.values()))
    return False


def modern(config: Any) -> Any:
    """Return a configuration as Keras 3 wants it: a Sequential begins with its input."""
    if not is_old_sequence(config):
        return config
    first, *others = _layers(config)
    settings = dict(first["config"])
    shape = settings.pop("batch_input_shape")
    own = config["config"] if isinstance(config["config"], dict) else {}
    entry = {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}}
    layers = [entry, {**first, "config": settings}, *map(modern, others)]
    return {"class_name": "Sequential", "config": {"name": own.get("name", "sequential"), "layers": layers}}


def _layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of a Sequential; before Keras 2.2.3 its configuration was the list itself."""
    inner = config.get("config")
    layers = inner.get("layers", []) if isinstance(inner, dict) else inner
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
