"""Whose coordinates they are: by id where there are ids, else row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.coordinates.reading import Coordinates
from nnlens.errors import SamplesError

Ids = NDArray[np.int64]


def join(found: Coordinates, samples: Ids) -> xr.Dataset:
    """Give every row its sample.

    Parameters
    ----------
    found : Coordinates
    samples : ndarray, dims (sample,), int64
        The ids of the run, in its order.

    Returns
    -------
    Dataset
        ``projection`` (sample, component), in the order of the run; samples that have no row are left out.

    Raises
    ------
    SamplesError
        If there are not two or three numbers a row, one is not finite, rows do not fit the samples, or an id is
        missing, unknown or there twice.
    """
    values = _checked(found)
    ids = _by_order(found, samples) if found.ids is None else _by_id(found, samples)
    sorter = np.argsort(samples)
    order = np.argsort(sorter[np.searchsorted(samples, ids, sorter=sorter)])
    return xr.Dataset(
        {"projection": (("sample", "component"), values[order], {"left_out": len(samples) - len(ids)})},
        coords={"sample": ids[order]},
    )


def _checked(found: Coordinates) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = found.values.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        more = f" and {wrong.size - 1:,} more" if wrong.size > 1 else ""
        raise SamplesError(
            f"{found.name} has no finite coordinates in row {wrong[0] + 1:,}{more}.",
            "Leave such rows out, with a column of ids for the others.",
        )
    return values


def _by_order(found: Coordinates, samples: Ids) -> Ids:
    if len(found.values) != len(samples):
        raise SamplesError(
            f"{found.name} has {len(found.values):,} rows, and the run has {len(samples):,} samples.",
            "Give a row for each sample in the order of the run, or a column id.",
        )
    return samples


def _by_id(found: Coordinates, samples: Ids) -> Ids:
    ids = _whole(found)
    if len(ids) != len(found.values):
        raise SamplesError(
            f"{found.name} has {len(found.values):,} rows and {len(ids):,} ids.", "Give one id a row."
        )
    unknown = ids[~np.isin(ids, samples)]
    if unknown.size:
        raise SamplesError(
            f"{found.name} has ids that the run does not have: {', '.join(map(str, unknown[:5]))}.",
            f"The run has {len(samples):,}, from {samples.min()} to {samples.max()}.",
        )
    once, counts = np.unique(ids, return_counts=True)
    if len(once) < len(ids):
        raise SamplesError(
            f"{found.name} has the id {once[counts.argmax()]} more than once.", "Give each one once."
        )
    return ids


def _whole(found: Coordinates) -> Ids:
    """Read ids, which are whole numbers however they are written."""
    given: NDArray[Any] = np.asarray(found.ids).reshape(-1)
    try:
        numbers = given.astype(np.float64)
        ids = given.astype(np.int64) if given.dtype.kind in "iu" else numbers.astype(np.int64)
        whole = bool(np.isfinite(numbers).all() and (numbers == ids).all())
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise SamplesError(f"An id in {found.name} is no whole number.", "Ids are those of the run's table.")
    return ids
