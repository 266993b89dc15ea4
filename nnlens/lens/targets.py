"""What an attribution explains: a class, each sample's label, or a unit or channel of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nnlens.errors import AnalysisError
from nnlens.lens.layers import check_index, layer_of_network, layer_shape
from nnlens.schema import UNLABELLED

if TYPE_CHECKING:
    from nnlens.store import Store

LABEL = "label"
"""The target that is each sample's own label."""
FORMS = "It is a class by its number, 'label' for each sample's own, or LAYER:INDEX for a unit or a channel."


def check_target(store: Store, target: object, sample: tuple[int, ...] | None) -> int | str | None:
    """Return a target in its one form: None, the number of a class, ``"label"``, or ``"LAYER:INDEX"``.

    Parameters
    ----------
    store : Store
    target : int or str or None
        The layer by its name or an alias; it may hold colons itself, the last one counts.
    sample : tuple of int or None
        The samples that are asked about.

    Raises
    ------
    AnalysisError
        If there is no such output; says what there is.
    """
    if target is None:
        return None
    if not isinstance(target, str):
        classes = store.samples.sizes.get("class_", len(store.class_names))
        return check_index(target, classes, "target")
    if target == LABEL:
        _check_labels(store, sample)
        return LABEL
    layer, colon, index = target.rpartition(":")
    if not colon:
        raise AnalysisError(f"There is no target {target!r}.", _meant(store, target))
    return _unit(store, layer, index)


def _unit(store: Store, layer: str, index: str) -> str:
    names = [info.name for info in store.graph if info.capturable]
    own = layer_of_network(store, layer, names)
    number = int(index) if index.isascii() and index.isdigit() else index
    shape = layer_shape(store, own)
    word = "channel" if len(shape) == 3 else "unit"
    return f"{own}:{check_index(number, shape[0], f'{word} of {own}')}"


def _meant(store: Store, target: str) -> str:
    """Say which number a class has that was given by its name, or what a target may be."""
    if target in store.class_names:
        return f"The class of this name is {store.class_names.index(target)}: give the number."
    return FORMS


def _check_labels(store: Store, sample: tuple[int, ...] | None) -> None:
    asked = slice(None) if sample is None else np.isin(store.ids, sample)
    labels = store.samples.get(LABEL)
    if labels is None or (labels.values == UNLABELLED).all():
        raise AnalysisError(
            f"The run {store.name!r} has no labels to explain.", "Give a class by its number."
        )
    if (labels.values[asked] == UNLABELLED).all():
        raise AnalysisError("None of these samples has a label.", "Choose others, or a class by its number.")
