"""A result as a file that other programs read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nnlens.cli.console import finite, say

if TYPE_CHECKING:
    import xarray as xr


def write_result(result: xr.Dataset, path: Path) -> None:
    """Write a result in the form that the name's ending asks for.

    Parameters
    ----------
    result : Dataset
    path : Path
        ``.csv``: one row for each sample (or entry of the first dimension), columns such as ``projection_0``.
        ``.json``: everything. ``.npz``: one NumPy array for each variable and coordinate.

    Raises
    ------
    typer.BadParameter
        If there is no such form or the file cannot be written.
    """
    write = check_ending(path)
    try:
        write(result, path)
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}.") from None


def check_ending(path: Path) -> Callable[[xr.Dataset, Path], None]:
    """Return what writes files of this ending; called before the work, so that a typing error costs nothing."""
    if path.suffix not in _WRITERS:
        raise typer.BadParameter(f"{path} has no known ending; use one of {', '.join(_WRITERS)}.")
    return _WRITERS[path.suffix]


def _write_csv(result: xr.Dataset, path: Path) -> None:
    from nnlens.export.words import unformula  # with pandas: help is to come at once

    def cell(value: Any) -> Any:
        # class names and paths may have been chosen by others: none is to be a formula
        return unformula(value) if isinstance(value, str) else value

    columns = dict(_columns(result))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(map(cell, columns))
        writer.writerows(map(cell, row) for row in zip(*columns.values(), strict=True))


def _columns(result: xr.Dataset) -> Iterator[tuple[str, Any]]:
    """Yield the columns of the table along the first dimension, its coordinate first."""
    first = "sample" if "sample" in result.dims else next(iter(result.dims), None)
    if first is not None:
        yield str(first), result[first].values.tolist()
    for name, variable in result.data_vars.items():
        if first is None or first not in variable.dims:
            if first is None:
                yield str(name), [variable.item()]
            else:
                say(f"{name} has no {first} and is left out of the table; .json and .npz hold it.")
            continue
        yield from _flat(str(name), variable.transpose(first, ...))


def _flat(name: str, variable: xr.DataArray) -> Iterator[tuple[str, Any]]:
    if variable.ndim == 1:
        yield name, variable.values.tolist()
        return
    values = variable.values.reshape(len(variable), -1)
    for index in range(values.shape[1]):
        yield f"{name}_{index}", values[:, index].tolist()


def _write_json(result: xr.Dataset, path: Path) -> None:
    path.write_text(json.dumps(finite(result.to_dict()), default=str) + "\n", encoding="utf-8")


def _write_npz(result: xr.Dataset, path: Path) -> None:
    import numpy as np

    arrays = {str(name): np.asarray(result[name].values) for name in result.variables}
    np.savez_compressed(path, allow_pickle=False, **arrays)


_WRITERS: dict[str, Callable[[xr.Dataset, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".npz": _write_npz,
}
