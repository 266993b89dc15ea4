"""A copy of a network with weights drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line


def drawn_anew(model: Any, operations: Iterable[Any] | None, seed: int) -> Any:
    """Return a copy whose weights have their values in another order, the network itself left as it is.

    The order of a weight depends on the seed and its place in the network alone, so it is the same whichever other
    layers are chosen. Moving statistics are none that training sets, and stay.

    Parameters
    ----------
    model : keras.Model
    operations : iterable of keras.Operation, optional
        Whose weights are drawn; all by default.
    seed : int

    Raises
    ------
    ModelError
        If the network cannot be copied.
    """
    chosen = {id(each) for each in _parameters([model] if operations is None else operations)}
    trained = {id(each) for each in _parameters([model])}
    values, place = [], 0
    for variable, value in zip(model.weights, model.get_weights(), strict=True):
        if id(variable) in trained:
            if id(variable) in chosen:
                order = np.random.default_rng((seed, place)).permutation(value.size)
                value = value.reshape(-1)[order].reshape(value.shape)
            place += 1
        values.append(value)
    return copied(model, values)


def copied(model: Any, values: list[Any]) -> Any:
    """Return a copy of a network that has other values as its weights.

    Raises
    ------
    ModelError
        If it cannot be copied.
    """
    try:
        copy = keras.models.clone_model(model)
        copy.set_weights(values)
    except Exception as error:  # a layer of the user's may raise anything
        raise ModelError(
            f"The network cannot be copied: {type(error).__name__}: {first_line(error)}",
            "Give its own layers a get_config that tells all arguments they are made of.",
        ) from error
    return copy


def _parameters(operations: Iterable[Any]) -> Iterator[Any]:
    """Yield what training sets, also where it is frozen."""
    for operation in operations:
        if isinstance(operation, keras.Layer):
            for layer in operation._flatten_layers():
                yield from layer._trainable_variables
