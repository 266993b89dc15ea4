"""Labels as data sets give them: integers, one-hot vectors, names, or nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.live.values import as_array
from nnlens.samples.pictures import number
from nnlens.schema import UNLABELLED

Label = int | str


def read_labels(value: Any, count: int, batch: bool) -> list[Label]:
    """Return the labels of an item that holds `count` samples; −1 where there is none.

    Raises
    ------
    SamplesError
        If they are no labels, or not as many.
    """
    if value is None:
        return [UNLABELLED] * count
    if not batch:
        return [_single(value)]
    if isinstance(value, list | tuple):
        labels = [_single(each) for each in value]
    else:
        array = np.atleast_1d(as_array(value))
        plain = array.ndim == 1 and array.dtype.kind in "iu"
        labels = array.tolist() if plain else [_single(each) for each in array]
    if len(labels) != count:
        raise SamplesError(f"{count} images come with {len(labels)} labels.", "Give one label for each.")
    return labels


def _single(value: Any) -> Label:
    """Return one label."""
    if isinstance(value, int) or value is None:
        return UNLABELLED if value is None else int(value)
    if isinstance(value, str | bytes):
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    array = as_array(value)
    if array.dtype.kind in "SU" and array.size == 1:
        return _single(array.item())
    if array.size == 1 and array.dtype.kind in "biuf":
        return _whole(array.item())
    if array.ndim == 1 and array.size and array.dtype.kind in "biuf":
        return _of_one_hot(array)
    raise SamplesError(
        f"A label of shape {array.shape} and type {array.dtype} is none.", "Give whole numbers or one-hot."
    )


def _whole(value: float) -> int:
    if math.isnan(value):
        return UNLABELLED
    if math.isinf(value) or value != int(value):
        raise SamplesError(f"A label of {value:.6g} is no class.", "Give whole numbers or one-hot vectors.")
    return int(value)


def _of_one_hot(vector: NDArray[Any]) -> int:
    ones = np.flatnonzero(vector)
    if not len(ones):
        return UNLABELLED
    if len(ones) > 1 or vector[ones[0]] != 1:
        raise SamplesError(
            "A label is a vector of several values: each sample has one class here.",
            "Give the most likely one, as with labels.argmax(axis=1).",
        )
    return int(ones[0])


def numbered(
    labels: Sequence[Label], class_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], list[str] | None]:
    """Return labels as numbers, and the names of the classes if there are any; names are numbered in sorted order.

    Raises
    ------
    SamplesError
        If some are numbers and some names, or a name is none of the classes.
    """
    names = None if class_names is None else list(class_names)
    if all(isinstance(label, int) for label in labels):
        return np.array(labels, np.int64), names
    texts = ["" if label == UNLABELLED else label for label in labels]
    if not all(isinstance(text, str) for text in texts):
        raise SamplesError("Some labels are numbers and some are names.", "Give one kind.")
    if names is None:
        names, places = number([str(text) for text in texts])
        return np.array(places, np.int64), names
    unknown = sorted({str(text) for text in texts} - set(names) - {""})
    if unknown:
        raise SamplesError(f"The label {unknown[0][:40]!r} is none of the classes.", "Name every class.")
    return np.array([names.index(str(text)) if text else UNLABELLED for text in texts], np.int64), names
