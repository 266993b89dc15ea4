"""Weights in the layout of Keras 2 (`.h5`), each put where its name says.

Keras 3 goes by order alone, so that layers in another order, or the scale and the offset of a normalization exchanged,
would give a network that runs and is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from nnlens.errors import ModelError

ORDER_HINT = "Is it the right architecture?"
TELLING = frozenset({"gamma", "beta", "moving_mean", "moving_variance", "mean", "variance", "bias", "kernel"})
"""Last parts of names by which weights of one shape are told apart."""
CONVOLVED = frozenset({"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"})
"""Layers whose kernels Theano turned round: it convolved where TensorFlow correlates."""

Saved = list[tuple[str, h5py.Dataset]]


def fill_old(model: Any, file: h5py.File, name: str) -> None:
    """Fill a network with the weights of a file.

    Parameters
    ----------
    model : keras.Model
    file : h5py.File
        A whole network, or weights alone.
    name : str
        Of the file, for messages.

    Raises
    ------
    ModelError
        If they do not fit, naming the layer; the network is then half filled.
    """
    group = _inside(file, "model_weights") if "model_weights" in file else file
    saved = {layer: weights for layer, weights in _saved(group) if weights}
    own = [layer for layer in model.layers if layer.weights]
    if len(saved) != len(own):
        raise _unfit(name, f"it has {len(saved)} layers with weights, the architecture has {len(own)}")
    by_name = set(saved) == {layer.name for layer in own}
    turned = _text(group.attrs.get("backend", file.attrs.get("backend", ""))) == "theano"
    for layer, found in zip(own, saved, strict=True):
        key = layer.name if by_name else found
        _fill_layer(layer, saved[key], turned, name)


def is_filled_by_layer(path: Path) -> bool:
    """Whether a file of weights has them in this layout."""
    with h5py.File(path) as file:
        return "model_weights" in file or "layer_names" in file.attrs or "layer_names0" in file.attrs


def read_attribute(group: h5py.Group, name: str) -> list[str]:
    """Return a list of texts, which Keras cuts into several attributes where it is long."""
    if name in group.attrs:
        return [_text(each) for each in group.attrs[name]]
    parts: list[str] = []
    while (part := f"{name}{len(parts)}") in group.attrs:
        parts.append(part)
    return [_text(each) for part in parts for each in group.attrs[part]]


def _saved(group: h5py.Group) -> Iterator[tuple[str, Saved]]:
    for layer in read_attribute(group, "layer_names"):
        inner = _inside(group, layer)
        yield layer, [(name, _inside(inner, name)) for name in read_attribute(inner, "weight_names")]


def _inside(group: Any, path: str) -> Any:
    """Return a member that lies in this file: links and datasets may lead to others.

    Raises
    ------
    ModelError
        If it does not, or is missing.
    """
    for part in path.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ModelError(f"The weights {path!r} are not in the file.", "Fetch the file again.")
        group = group[part]
    if isinstance(group, h5py.Dataset) and (group.external or group.is_virtual):
        raise ModelError(f"The weights {path!r} lie in another file.", "Do not open it.")
    return group


def _fill_layer(layer: Any, saved: Saved, turned: bool, file: str) -> None:
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    if len(saved) != len(variables):
        raise _unfit(file, f"{layer.name!r} takes {len(variables)} weights, the file has {len(saved)}")
    for variable, (name, dataset) in _pairs(variables, saved):
        if tuple(variable.shape) != dataset.shape:
            shapes = f"{tuple(variable.shape)} in the architecture and {dataset.shape} in the file"
            raise _unfit(file, f"{variable.path!r} is {shapes}")
        if {_last(name), variable.name} <= TELLING and _last(name) != variable.name:
            raise _unfit(file, f"{name!r} would become {variable.path!r}")
        variable.assign(_turned(dataset[()]) if turned and _is_kernel(layer, variable) else dataset[()])
    for each in _parts(layer):
        if hasattr(each, "finalize_state"):  # what a Normalization computes from its weights
            each.finalize_state()


def _pairs(variables: list[Any], saved: Saved) -> Iterator[tuple[Any, tuple[str, h5py.Dataset]]]:
    """Yield what belongs together: by name where each has its own, else by order."""
    named = {_ending(name): (name, dataset) for name, dataset in saved}
    keys = [_ending(variable.path) for variable in variables]
    if len(named) == len(saved) and set(keys) == set(named):
        yield from ((variable, named[key]) for variable, key in zip(variables, keys, strict=True))
    else:
        yield from zip(variables, saved, strict=True)


def _ending(path: str) -> str:
    """Return layer and weight of a path: Keras 3 has the networks around it in front."""
    return "/".join(path.partition(":")[0].split("/")[-2:])


def _last(path: str) -> str:
    return path.partition(":")[0].rpartition("/")[2]


def _is_kernel(layer: Any, variable: Any) -> bool:
    """Whether a weight is the kernel of a convolution, also of one in a network inside."""
    return any(type(each).__name__ in CONVOLVED and variable is each.kernel for each in _parts(layer))


def _parts(layer: Any) -> list[Any]:
    """Return a layer and, where it is a network, the layers in it."""
    return list(layer._flatten_layers())


def _turned(kernel: NDArray[Any]) -> NDArray[Any]:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unfit(file: str, why: str) -> ModelError:
    return ModelError(f"The weights of {file} do not fit the architecture: {why}.", ORDER_HINT)
