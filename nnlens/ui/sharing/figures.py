"""The figures of a comparison as pictures and as files to take out."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.export.words import unformula
from nnlens.ui.look.palette import Theme, diverging, rgb
from nnlens.ui.look.pictures import data_url

COLUMNS = (
    "name", "kind", "layer", "index", "shift", "chosen_mean", "rest_mean",
    "matched_z", "matched_p", "matched_low", "matched_high", "matched_family_p",
    "any_z", "any_p", "any_low", "any_high", "any_family_p",
)  # fmt: skip


def mean_pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mean image, dims (y, x, channel) from 0 to 1, as pixels."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def mean_url(image: NDArray[Any]) -> str:
    """Return a mean image, dims (y, x, channel) from 0 to 1, as an address."""
    return data_url(mean_pixels(image))


def difference(chosen: NDArray[Any], rest: NDArray[Any], theme: Theme) -> tuple[NDArray[np.uint8], float]:
    """Return the difference of two mean images as pixels, and the value at the end of its colors.

    Of colors the mean over the channels is shown. Zero is the color of the surface.
    """
    apart = (chosen - rest).mean(axis=-1)
    top = float(np.abs(apart).max())
    colors = np.array([rgb(color) for color in diverging(theme, 255)])
    place = np.rint((apart / (top or 1) + 1) * 127).astype(int)
    return colors[place].astype(np.uint8), top


def difference_url(chosen: NDArray[Any], rest: NDArray[Any], theme: Theme) -> tuple[str, float]:
    """Return the difference of two mean images as an address, and the value at the end of its colors."""
    pixels, top = difference(chosen, rest, theme)
    return data_url(pixels), top


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
        return unformula(value)
    return int(value) if isinstance(value, np.integer) else f"{float(value):.6g}"
