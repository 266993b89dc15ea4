"""What is known of each sample, as columns: the run's own, and those that results bring."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.filtering import select_where
from nnlens.lens import Lens

Columns = dict[str, NDArray[Any]]
MOST_COMPONENTS = 3
"""Coordinates of a map go into a table; vectors of more components are for a file of their own."""
TEXTS = ("split", "path")


def own_columns(lens: Lens) -> Columns:
    """Return the run's own columns by name, dims (sample,); label and prediction as numbers of classes."""
    samples = lens.store.samples
    columns: Columns = {"id": lens.store.ids}
    for name in ("label", "prediction", "loss"):
        if name in samples:
            columns[name] = samples[name].values
    if {"label", "prediction"} <= set(columns):
        columns["correct"] = (columns["label"] == columns["prediction"]) & (columns["label"] >= 0)
    if "logit" in samples:
        columns["confidence"] = confidence(samples["logit"].values)
    return columns | {name: samples[name].values.astype(object) for name in TEXTS if name in samples}


def confidence(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return the probability of each prediction, dims (sample,); NaN where a logit is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        top = logits.max(axis=1, keepdims=True)
        return np.asarray(1 / np.exp(logits - top).sum(axis=1), np.float32)


def result_columns(lens: Lens) -> Columns:
    """Return what the stored results say of each sample, one number each, dims (sample,); NaN where they do not.

    A name that several results bring is followed by the analysis, the layer, and where these are the same the key.
    """
    found: dict[str, list[tuple[str, str, NDArray[Any]]]] = defaultdict(list)
    for info in lens.results():
        result = lens.result(info.key)
        if result is not None:
            who = f"{info.analysis.rpartition(':')[2]}_{info.attrs.get('layer') or ''}".strip("_")
            for name, values in _numbers(lens, result):
                found[name].append((who, info.key[:8], values))
    return _named(found)


def _numbers(lens: Lens, result: xr.Dataset) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield variables of one number a sample, and the components of maps."""
    for name, array in result.data_vars.items():
        if array.dtype.kind not in "fiub":
            continue
        if array.dims == ("sample",):
            yield str(name), _placed(lens, array.values, result)
        elif array.dims == ("sample", "component") and array.sizes["component"] <= MOST_COMPONENTS:
            for place, column in enumerate(array.values.T):
                yield f"{name}_{place}", _placed(lens, column, result)


def _placed(lens: Lens, values: NDArray[Any], result: xr.Dataset) -> NDArray[Any]:
    """Bring a variable to the order of the run."""
    ids, have = lens.store.ids, result["sample"].values
    if len(ids) == len(have) and np.array_equal(ids, have):
        return values
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids, have, sorter=order), max(len(ids) - 1, 0))
    there = ids[order[at]] == have
    placed = np.full(len(ids), np.nan, np.result_type(values.dtype, np.float32))
    placed[order[at[there]]] = values[there]
    return placed


def _named(found: Mapping[str, list[tuple[str, str, NDArray[Any]]]]) -> Columns:
    columns: Columns = {}
    for name, several in found.items():
        owners = [who for who, _, _ in several]
        for who, key, values in several:
            parts = (
                [name] if len(several) == 1 else [name, who] if owners.count(who) == 1 else [name, who, key]
            )
            column = re.sub(r"\W+", "_", "_".join(parts))
            while column in columns:
                column += "_"
            columns[column] = values
    return columns


def chosen(
    lens: Lens, where: str | None, samples: Sequence[int] | None, columns: Columns | None = None
) -> NDArray[np.intp]:
    """Return the positions of the samples that a filter and a list of ids leave.

    Raises
    ------
    FilterError
        If the filter cannot be read.
    StoreError
        If the run has no such sample.
    """
    mask = np.ones(lens.store.committed, bool)
    if samples is not None:
        mask[:] = False
        mask[lens.store.positions(samples)] = True
    if where is not None:
        names = lens.store.class_names
        mask &= select_where(where, columns or own_columns(lens), {"label": names, "prediction": names})
    return np.flatnonzero(mask)
