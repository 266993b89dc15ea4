"""A result for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nnlens.cli.console import duration, say, show, show_table

if TYPE_CHECKING:
    import xarray as xr

SHORT_KEY = 16
"""Digits of a result's key that are shown; ``--using`` takes them for the whole."""
VALUES_SHOWN = 20
"""Longest side of an array whose values are printed for a person."""
VALUES_IN_JSON = 1000
"""``--json`` carries the values of arrays up to this length; longer ones belong in a file (``--out``)."""


def facts_of(result: xr.Dataset) -> dict[str, Any]:
    """Return a result for JSON: its attributes, dims, and variables with the values of those that are short."""
    return {
        "attributes": {str(name): _plain_attribute(value) for name, value in result.attrs.items()},
        "dims": {str(name): length for name, length in result.sizes.items()},
        "variables": {str(name): _facts_of_variable(result[name]) for name in result.data_vars},
    }


def _facts_of_variable(variable: xr.DataArray) -> dict[str, Any]:
    short = variable.size <= VALUES_IN_JSON
    return {
        "dims": list(variable.dims),
        "shape": list(variable.shape),
        "dtype": str(variable.dtype),
        "values": variable.values.tolist() if short else None,
    }


def _plain_attribute(value: Any) -> Any:
    """Return an attribute as JSON has it; parameters and libraries are stored as JSON within text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value.tolist() if hasattr(value, "tolist") else value


def show_result(result: xr.Dataset, kept: bool) -> None:
    """Print a result for a person: what was computed, the values of what is small, and whether the run has it now."""
    attributes = result.attrs
    for words in (attributes.get("title"), attributes.get("caption")):
        if words:
            show(str(words))
    for name, variable in result.data_vars.items():
        _show_variable(str(name), variable)
    if "seconds" in attributes:
        key = str(attributes.get("key", ""))[:SHORT_KEY]
        where = f"kept in the run as {key}" if kept else "of one sample, so it is not kept; --out writes it"
        say(f"took {duration(float(attributes['seconds']))}; {where}")


def _show_variable(name: str, variable: xr.DataArray) -> None:
    """Show a scalar, a short list or a small matrix with its values, anything else by its shape."""
    if variable.ndim == 0:
        show(f"{name}: {_word(variable.item())}")
    elif variable.ndim <= 2 and variable.size and max(variable.shape) <= VALUES_SHOWN:
        show(f"{name} ({', '.join(map(str, variable.dims))}):")
        values = variable.values
        show_table([[_word(each) for each in row] for row in values.reshape(-1, values.shape[-1]).tolist()])
    else:
        show(f"{name}: {' × '.join(f'{length:,} {dim}' for dim, length in variable.sizes.items())}")


def _word(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
