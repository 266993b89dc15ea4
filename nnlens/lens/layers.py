"""The layers of a run as requests name them: by the framework's own name or an alias, checked, with their shapes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnlens.errors import AnalysisError
from nnlens.models.base import layer_named
from nnlens.schema import INPUT, LOGITS, REST, Dims

if TYPE_CHECKING:
    from nnlens.store import Store


def check_layer(store: Store, layer: str | None) -> str | None:
    """Return the layer's own name for a name or an alias.

    Raises
    ------
    AnalysisError
        If the run has no such layer; the message names those it has.
    """
    if layer is None or layer in store.edges:
        return layer
    if not isinstance(layer, str):
        raise AnalysisError(f"layer cannot be {layer!r}.", "Give a layer's name.")
    return layer_of_network(store, layer, layer_names(store))


def layer_of_network(store: Store, layer: str, names: Sequence[str]) -> str:
    """Return the own name of one of the network's layers; `names` are told where there is none of this name.

    Raises
    ------
    AnalysisError
        If there is none.
    """
    found = layer_named([info for info in store.graph if info.capturable], layer)
    if found is not None:
        return found.name
    raise AnalysisError(
        f"The run has no layer {layer!r}.", f"{guess(layer, names)}It has: {', '.join(names)}."
    )


def guess(word: str, names: Iterable[str]) -> str:
    """Return a question that names what is close to a misspelled word, with a space after it; empty without any."""
    close = difflib.get_close_matches(word, list(names), n=2, cutoff=0.5)
    return f"Did you mean {' or '.join(close)}? " if close else ""


def layer_names(store: Store) -> list[str]:
    """Return what a request may name as a layer."""
    return [*(stored.name for stored in store.layers), *store.edges]


def layer_shape(store: Store, layer: str) -> tuple[int, ...]:
    """Return the shape of one sample's output of a layer: (channel, y, x) or (unit,)."""
    if layer in (INPUT, LOGITS):
        return tuple(int(n) for n in store.activation(layer).shape[1:])
    info = layer_named(store.graph, layer)
    return info.shape if info is not None else ()


def check_form(store: Store, layer: str, who: str, dims: Dims) -> None:
    """Refuse a layer of another form than `dims`; `who` says what takes which variable.

    Raises
    ------
    AnalysisError
        Where a layer with height and width is wanted, naming the last one before this.
    """
    spatial = len(layer_shape(store, layer)) == 3
    if REST in dims or (len(dims) == 4) == spatial:
        return
    has = "has height and width" if spatial else "is flat"
    names = [info.name for info in store.graph]
    upto = store.graph[: names.index(layer)] if layer in names else store.graph
    maps = [info.name for info in upto if info.spatial and info.capturable and not spatial]
    raise AnalysisError(
        f"{who} ({', '.join(dims)}), and {layer} {has}.",
        f"Choose {maps[-1]!r}." if maps else "Choose another layer.",
    )


def check_channel(store: Store, layer: str | None, channel: object, needed: bool, name: str) -> int | None:
    """Return a channel, having refused one that the layer does not have, and none where `name` needs one.

    Raises
    ------
    AnalysisError
        Saying what there is.
    """
    if channel is None and needed:
        raise AnalysisError(f"{name} looks at one channel.", "Give it: channel=0.")
    if channel is None:
        return None
    if layer is None:
        raise AnalysisError("A channel belongs to a layer.", "Give the layer too.")
    return check_index(channel, layer_shape(store, layer)[0], f"channel of {layer}")


def check_index(value: object, count: int, word: str) -> int:
    """Return a number, having refused what is no whole one from 0 up to so many.

    Raises
    ------
    AnalysisError
        Saying what there is.
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value < count:
        return int(value)
    raise AnalysisError(f"There is no {word} {value}.", f"They go from 0 to {count - 1}.")
