"""Numbers of channels that a grid is sorted by: of the sample at hand, and of results that are stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.ui.core.catalog import OF_CHANNELS, Tool
from nnlens.ui.core.session import Session
from nnlens.ui.look.text import decimal, plain

INDEX = "index"
RANGE = ("low", "high")
"""Of a thumbnail: what black and white stand for."""


@dataclass(frozen=True, eq=False)
class Measure:
    """A number of each channel.

    Attributes
    ----------
    id : str
        Tells it from the others in a menu.
    title : str
    values : ndarray, dims (channel,)
    here : bool
        Whether it is about the sample at hand, not about all of them.
    caption : str
        What it was made of.
    """

    id: str
    title: str
    values: NDArray[Any]
    here: bool = True
    caption: str = ""

    def order(self) -> NDArray[np.intp]:
        """Return the channels, the largest value first; equal ones by their index, those without a number last."""
        values = np.asarray(self.values, np.float64)
        return np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")

    def words(self, channel: int) -> str:
        """Write the number of a channel."""
        return short(self.values[channel].item())


def short(value: float) -> str:
    """Write a number in few signs, as there is room for under a thumbnail."""
    if not np.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e5:
        return f"{value:,.0f}".replace("-", "−")
    for limit, digits in ((0.0095, 1), (1, 2), (10, 2), (100, 1)):
        if abs(value) < limit:
            text = f"{value:.1e}" if limit < 1 and value else f"{value:.{digits}f}"
            return text.replace("0.", ".", 1) if limit == 1 and abs(value) < 1 else text
    return f"{value:,.0f}" if abs(value) < 1e5 else decimal(value)


def of_sample(result: xr.Dataset) -> list[Measure]:
    """List the numbers of each channel in one sample that came with its maps, their ranges last."""
    found = [
        Measure(f"here {name}", _words(name, array), array.values[0], True, result.attrs.get("caption", ""))
        for name, array in result.data_vars.items()
        if array.dims == OF_CHANNELS[1]
    ]
    return sorted(found, key=lambda each: each.id.removeprefix("here ") in RANGE)


def of_result(tool: Tool, result: xr.Dataset, sample: int | None, channels: int) -> list[Measure]:
    """List the numbers of each channel in a result; where it has one a sample, those of the sample at hand.

    Parameters
    ----------
    tool : Tool
        What computed it.
    result : Dataset
    sample : int or None
        The id.
    channels : int
        How many the layer has; a variable of another length is none of its.
    """
    found = []
    # in the order that its author gave them: what is read from a file has another one
    for name in (name for name in tool.cls.provides if name in result):
        array = result[name]
        values = _row(result, array, sample)
        if values is not None and values.shape == (channels,) and values.dtype.kind in "fiub":
            caption = f"{tool.title} · {result.attrs.get('caption', '')}"
            here = "sample" in array.dims
            found.append(Measure(id_of(tool, str(name)), _words(name, array), values, here, caption))
    return found


def id_of(tool: Tool, variable: str) -> str:
    """Name what a variable of a result says of channels, for a menu."""
    return f"{tool.id} {variable}"


def _row(result: xr.Dataset, array: xr.DataArray, sample: int | None) -> NDArray[Any] | None:
    if tuple(array.dims) == OF_CHANNELS[0]:
        return np.asarray(array.values)
    if tuple(array.dims) != OF_CHANNELS[1]:
        return None
    at = np.flatnonzero(result["sample"].values == sample)
    return np.asarray(array.isel(sample=int(at[0])).values) if len(at) else None


def distinct(measures: Iterable[Measure]) -> list[Measure]:
    """Leave out what says of this sample what is said before."""
    seen: set[str] = set()
    kept = []
    for each in measures:
        if not (each.here and each.title in seen):
            kept.append(each)
        seen |= {each.title} if each.here else set()
    return kept


def class_of(session: Session, measure: Measure, channel: int) -> str:
    """Name the class that a whole number stands for, where the variable says that it is one; else nothing."""
    value = measure.values[channel].item()
    if measure.title.endswith("class") and isinstance(value, int):
        return plain(session.data.class_name(value), 20) if value >= 0 else "none"
    return ""


def _words(name: Any, array: xr.DataArray) -> str:
    words = str(array.attrs.get("long_name", str(name).replace("_", " ")))
    return plain(words.removeprefix("channel ") or words, 32)
