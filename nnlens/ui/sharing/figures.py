"""The figures of a comparison as pictures and as files to take out."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.ui.look.palette import Theme, diverging, rgb
from nnlens.ui.look.pictures import data_url

COLUMNS = (
    "name", "kind", "layer", "index", "shift", "chosen_mean", "rest_mean",
    "matched_z", "matched_p", "matched_low", "matched_high", "matched_family_p",
    "any_z", "any_p", "any_low", "any_high", "any_family_p",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a text."""


def mean_url(image: NDArray[Any]) -> str:
    """Return a mean image, dims (y, x, channel) from 0 to 1, as an address."""
    return data_url(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))


def difference_url(chosen: NDArray[Any], rest: NDArray[Any], theme: Theme) -> tuple[str, float]:
    """Return the difference of two mean images as an address, and the value at the end of its colors.

    Of colors the mean over the channels is shown. Zero is the color of the surface.
    """
    difference = (chosen - rest).mean(axis=-1)
    top = float(np.abs(difference).max())
    colors = np.array([rgb(color) for color in diverging(theme, 255)])
    place = np.rint((difference / (top or 1) + 1) * 127).astype(int)
    return data_url(colors[place].astype(np.uint8)), top


def table(result: xr.Dataset) -> str:
    """Return the traits as CSV, one a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name for name in COLUMNS if name in result]
    writer.writerow(names)
    for row in zip(*(result[name].values for name in names), strict=True):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return int(value) if isinstance(value, np.integer) else f"{float(value):.6g}"


def archive(result: xr.Dataset) -> bytes:
    """Return the values behind the figures as npz, without those that every sample has for itself."""
    arrays = {
        str(name): array.values.astype(str) if array.dtype.kind == "O" else array.values
        for name, array in result.data_vars.items()
        if "sample" not in array.dims
    }
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def file_url(content: bytes, kind: str) -> str:
    """Write a file into an address, for a link that saves it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
