"""From what stands beside vectors to labels and class names: numbers, names of classes, or nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.numpy_files import mapped
from nnlens.capturing.embedded.table import Table, no_column
from nnlens.errors import SamplesError
from nnlens.samples import npy
from nnlens.samples.naming import listed
from nnlens.samples.pictures import number
from nnlens.samples.table import WHOLE
from nnlens.schema import UNLABELLED

Integers = NDArray[np.int64]
MOST_CLASSES = 25_000
"""More different labels are no classes but names; ImageNet has 21,841 in all."""


def column_of(table: Table, given: Any, word: str) -> NDArray[Any]:
    """Return the values that an argument stands for: itself, a column of the table, or what a file holds.

    Parameters
    ----------
    table : Table
    given : array, sequence, or str
        A name is a column, else a .npy file or a text file with a value on each line.
    word : str
        What the values are, for errors.

    Raises
    ------
    SamplesError
        If there is no such column or file, or not one value for each sample.
    """
    if isinstance(given, str) and given in table.columns:
        values = table.column(given)
    elif isinstance(given, str | os.PathLike):
        values = _in_file(table, os.fspath(given))
    else:
        values = _as_array(given)
    count = table.shape[0]
    if values.shape == (count, 1):
        values = values.reshape(count)
    if values.shape != (count,):
        hint = (
            "One-hot labels become integers with argmax(axis=1)."
            if values.ndim == 2
            else "Give one for each sample."
        )
        raise SamplesError(f"{count:,} embeddings need {count:,} {word}, not {_many(values)}.", hint)
    return values


def _many(values: NDArray[Any]) -> str:
    return f"{len(values):,}" if values.ndim == 1 else f"an array of shape {values.shape}"


def _as_array(given: Any) -> NDArray[Any]:
    """Return a sequence as an array, of objects where it mixes texts with what is none."""
    if isinstance(given, list | tuple) and any(isinstance(each, str) or each is None for each in given):
        values = np.empty(len(given), object)
        values[:] = given
        return values
    try:
        return np.asarray(given)
    except Exception as error:  # as a stranger's object says it
        raise SamplesError(
            f"A {type(given).__name__} holds no values.", "Give an array, or the name of a column."
        ) from error


def _in_file(table: Table, name: str) -> NDArray[Any]:
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser() raises where there is no such home
    try:
        if not path.is_file():
            raise no_column(table, name)
        with path.open("rb") as file:
            if file.read(len(npy.MAGIC)) == npy.MAGIC:
                return np.asarray(mapped(path)[1])
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SamplesError(
            f"{path.name[:60]} cannot be read.", "Give a .npy file, or UTF-8 text with a value on each line."
        ) from error
    return np.array([line.strip() for line in lines], object)


def labels_from(
    values: NDArray[Any], class_names: Sequence[str] | None, what: str
) -> tuple[Integers, list[str]]:
    """Turn values into labels.

    Whole numbers are labels; other texts are classes, numbered in the order of the class names, sorted where there
    are none. −1, NaN, None and the empty text are unlabelled.

    Parameters
    ----------
    values : ndarray, dims (sample,)
    class_names : sequence of str, optional
    what : str
        Where they come from, for errors.

    Returns
    -------
    labels : ndarray of int64, dims (sample,)
    class_names : list of str

    Raises
    ------
    SamplesError
        If they are no labels: fractions, below −1, without a name, or almost as many as samples.
    """
    if values.dtype.kind in "biuf":
        return _numbers(values, class_names, what)
    if values.dtype.kind not in "OUST":
        raise SamplesError(f"{what} holds {values.dtype.name}, which is no label.", "Give integers or names.")
    texts = [_text(value) for value in values.tolist()]
    if class_names is None and all(WHOLE.fullmatch(text) for text in texts if text):
        return _numbers(np.array([float(text) if text else np.nan for text in texts]), None, what)
    if class_names is not None and all(WHOLE.fullmatch(text) for text in texts if text):
        known = set(map(str, class_names))
        if not set(texts) - {""} <= known:
            return _numbers(np.array([float(text) if text else np.nan for text in texts]), class_names, what)
    return _names(texts, class_names, what)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip()


def _numbers(
    values: NDArray[Any], class_names: Sequence[str] | None, what: str
) -> tuple[Integers, list[str]]:
    exact = values.astype(np.float64)
    exact = np.where(np.isnan(exact), UNLABELLED, exact)
    if not np.isfinite(exact).all() or (exact != np.floor(exact)).any():
        raise SamplesError(f"{what} holds fractions, which are no labels.", "Give integers or names.")
    if exact.min() < UNLABELLED:
        raise SamplesError(
            f"A label of {exact.min():.0f} in {what} is no class.",
            "Use −1 for unlabelled, 0 and up for classes.",
        )
    needed = int(exact.max()) + 1
    if class_names is not None and len(class_names) < needed:
        raise SamplesError(
            f"There is a label {needed - 1} in {what} but only {len(class_names)} class names.",
            "Name every class, in label order.",
        )
    if needed > MOST_CLASSES and class_names is None:
        return _codes(exact.astype(np.int64), what)
    names = class_names if class_names is not None else range(needed)
    return exact.astype(np.int64), [str(name) for name in names]


def _codes(values: Integers, what: str) -> tuple[Integers, list[str]]:
    """Give labels that are large codes, such as keys of a data base, numbers by their order."""
    found = np.unique(values[values != UNLABELLED])
    _check_count(len(found), len(values), what)
    labels = np.where(values == UNLABELLED, UNLABELLED, np.searchsorted(found, values))
    return labels.astype(np.int64), [str(code) for code in found]


def _names(texts: Sequence[str], class_names: Sequence[str] | None, what: str) -> tuple[Integers, list[str]]:
    if class_names is None:
        names, labels = number(texts)
        _check_count(len(names), len(texts), what)
        return np.array(labels, np.int64), names
    place = {str(name): label for label, name in reversed(list(enumerate(class_names)))}
    strange = sorted(set(texts) - {""} - set(place))
    if strange:
        raise SamplesError(
            f"{what} has {listed(strange)}, which {'is' if len(strange) == 1 else 'are'} none of the class names.",
            "Name every class, or leave the class names out.",
        )
    labels = [place.get(text, UNLABELLED) for text in texts]
    return np.array(labels, np.int64), [str(name) for name in class_names]


def _check_count(classes: int, samples: int, what: str) -> None:
    if classes > MOST_CLASSES:
        raise SamplesError(
            f"{what} has {classes:,} different values for {samples:,} samples, which are no classes.",
            "Choose another column, or leave the labels out.",
        )
