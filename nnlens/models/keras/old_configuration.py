"""Architectures as Keras 1 and 2 wrote them, turned into what Keras 3 builds."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from nnlens.errors import ModelError

Entry = dict[str, Any]
"""A layer or a network: ``class_name``, ``config`` and, within a graph, ``inbound_nodes``."""

GRAPHS = frozenset({"Model", "Functional"})
NETWORKS = GRAPHS | {"Sequential"}
RENAMED = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
FIRST_KERAS = frozenset(
    {"Convolution2D", "AtrousConvolution2D", "Deconvolution2D", "MaxoutDense", "Merge", "Highway"}
)
"""Layers that Keras 2 no longer has, or saves by another name."""
FIRST_SETTINGS = frozenset({"border_mode", "nb_filter", "dim_ordering"})
TRAINING = ("_initializer", "_regularizer", "_constraint", "activity_regularizer")
"""Endings of settings that matter to training only. Keras 3 no longer knows some values; the weights come anyway."""
SEQUENCES = frozenset({"__tuple__", "TensorShape"})
LAYER_SETTINGS = frozenset({"name", "trainable", "dtype", "batch_shape"})
OFF = (None, False, 1)
"""Values by which a setting that Keras 3 does not have changes nothing: ``groups=1`` of a depthwise convolution."""


def is_old(config: Any, version: str = "") -> bool:
    """Whether a configuration is as Keras 1 or 2 wrote it."""
    if version:
        return version[:2] in ("0.", "1.", "2.")
    return isinstance(config, dict) and "module" not in config


def modern(config: Any, name: str) -> Any:
    """Return a configuration as Keras 3 wants it.

    Raises
    ------
    ModelError
        If it is of Keras 1, whose layers had other settings.
    """
    plain = _plain(config)
    if any(_is_first(entry) for entry in _entries(plain)):
        raise ModelError(
            f"{name} was made by Keras 1, whose layers have other settings than today's.",
            "Open it in Keras 2 (2.3.1 reads it) and save it again.",
        )
    return _entry(plain) if _is_entry(plain) else plain


def _plain(value: Any) -> Any:
    """Turn what stands for a tuple into a list, everywhere."""
    if isinstance(value, list):
        return list(map(_plain, value))
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in SEQUENCES and "items" in value:
        return list(map(_plain, value["items"]))
    return {key: _plain(each) for key, each in value.items()}


def _entries(value: Any) -> Iterator[Entry]:
    """Yield all layers and networks, however deep."""
    if isinstance(value, list):
        for each in value:
            yield from _entries(each)
    elif isinstance(value, dict):
        if _is_entry(value):
            yield value
        for each in value.values():
            yield from _entries(each)


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value


def _is_first(entry: Entry) -> bool:
    settings = entry["config"] if isinstance(entry["config"], dict) else {}
    old_dense = entry["class_name"] == "Dense" and "output_dim" in settings
    return entry["class_name"] in FIRST_KERAS or bool(FIRST_SETTINGS & set(settings)) or old_dense


def _entry(entry: Entry) -> Entry:
    """Turn one layer or network, without what a graph says of its calls."""
    if entry["class_name"] == "Sequential":
        return _sequence(entry)
    if entry["class_name"] in GRAPHS and isinstance(entry["config"], dict) and "layers" in entry["config"]:
        return _graph(entry)
    return _layer(entry)


def _layer(entry: Entry) -> Entry:
    kind = str(RENAMED.get(entry["class_name"], entry["class_name"]))
    settings = {
        key: _entry(value) if _is_entry(value) and key in ("layer", "backward_layer") else value
        for key, value in entry["config"].items()
        if not key.endswith(TRAINING) and key != "input_dtype"
    }
    shape = settings.pop("batch_input_shape", None)
    if kind == "InputLayer":
        settings.setdefault("batch_shape", shape)
    if isinstance(settings.get("dtype"), dict):  # a policy, which Keras 3 takes by its name
        settings["dtype"] = settings["dtype"].get("config", {}).get("name")
    known = _known_settings(kind)
    if known:
        settings = {key: value for key, value in settings.items() if key in known or value not in OFF}
    return {"class_name": kind, "config": settings}


def _known_settings(kind: str) -> frozenset[str]:
    cls = getattr(keras.layers, kind, None)
    if not isinstance(cls, type):
        return frozenset()
    parents = [parent for parent in cls.__mro__ if issubclass(parent, keras.Layer)]
    names = {name for parent in parents for name in inspect.signature(parent).parameters}
    return frozenset(names) | LAYER_SETTINGS


def layers_of(entry: Entry) -> list[Entry]:
    """Return the layers of a network; before Keras 2.2.3 the configuration of a Sequential was the list itself."""
    inner = entry.get("config")
    layers = inner.get("layers", []) if isinstance(inner, dict) else inner
    return [layer for layer in layers if _is_entry(layer)] if isinstance(layers, list) else []


def _sequence(entry: Entry) -> Entry:
    """Let a Sequential begin with its input, which Keras 2 named in the first layer."""
    own = entry["config"] if isinstance(entry["config"], dict) else {}
    layers = layers_of(entry)
    shape = _input_shape(entry)
    inner = list(map(_entry, layers))
    name = own.get("name") or entry.get("name", "sequential")
    if shape is not None and layers[0]["class_name"] != "InputLayer":
        inner.insert(
            0, {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": f"{name}_input"}}
        )
    return {"class_name": "Sequential", "config": {"name": name, "layers": inner}}


def _input_shape(entry: Entry) -> Any:
    """Return the shape of a network's or a layer's input, with the sample; None where nothing says it."""
    settings = entry["config"] if isinstance(entry["config"], dict) else {}
    if entry["class_name"] not in NETWORKS:
        return settings.get("batch_input_shape") or settings.get("batch_shape")
    layers = layers_of(entry)
    found = _input_shape(layers[0]) if layers else None
    return found or settings.get("build_input_shape")


def _graph(entry: Entry) -> Entry:
    config = entry["config"]
    layers = layers_of(entry)
    shifts = _shifts(layers, config)
    inner = [
        {
            **_entry(layer),
            "name": layer["name"],
            "inbound_nodes": _shifted(layer.get("inbound_nodes", []), shifts),
        }
        for layer in layers
    ]
    # Keras 3 numbers the calls of a graph from 0 where they come into a layer, and from 1 where the network ends
    of_ends = {
        layer["name"]: shifts.get(layer["name"], 0) + (layer["class_name"] in GRAPHS) for layer in layers
    }
    ends = {key: _alone(_shifted(config[key], of_ends)) for key in ("input_layers", "output_layers")}
    own = {key: config[key] for key in ("name", "trainable") if key in config}
    return {"class_name": "Functional", "config": {**own, "layers": inner, **ends}}


def _alone(ends: Any) -> Any:
    """Return the only input or output itself: a list of one would make Keras 3 call the next layer with a list."""
    return ends[0] if isinstance(ends, list) and len(ends) == 1 else ends


def _shifts(layers: list[Entry], config: Entry) -> dict[str, int]:
    """Return what to add to the numbers of calls of networks inside, by their name, so that they begin at 0.

    Keras 2 mostly counted the making of a network as its first call.
    """
    called: dict[str, set[int]] = defaultdict(set)
    ends = [config["input_layers"], config["output_layers"]]
    for name, node in _references([[layer.get("inbound_nodes", []) for layer in layers], ends]):
        called[name].add(node)
    shifts = {}
    for layer in layers:
        count = len(layer.get("inbound_nodes", []))
        if layer["class_name"] in NETWORKS and count and called[layer["name"]]:
            shifts[layer["name"]] = -1 if max(called[layer["name"]]) == count else 0
    return shifts


def _is_reference(value: Any) -> bool:
    """Whether a value is the output of a layer's call: its name, the number of the call, that of the output."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


def _references(value: Any) -> Iterator[tuple[str, int]]:
    if _is_reference(value):
        yield value[0], value[1]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _references(each)


def _shifted(value: Any, shifts: Mapping[str, int]) -> Any:
    if isinstance(value, Mapping):
        return {key: _shifted(each, shifts) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    if _is_reference(value):
        rest = [_shifted(each, shifts) for each in value[3:]]
        return [value[0], value[1] + shifts.get(value[0], 0), value[2], *rest]
    return [_shifted(each, shifts) for each in value]
