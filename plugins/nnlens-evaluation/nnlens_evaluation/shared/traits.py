"""The traits of samples that are compared: numbers a sample, read in blocks, each with a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens_evaluation.shared.pictures import picture_traits

Float = NDArray[np.float32]
Read = Callable[[int, int], Float]
"""Gets the first and the last position, and returns the traits of the samples between, dims (sample, trait)."""
CELLS = 1 << 25
"""Numbers in a block: 128 MB."""
ROWS = 8192


@dataclass(frozen=True)
class Trait:
    """What one number of a sample is.

    Attributes
    ----------
    kind : str
        ``region`` (brightness of a part of the image), ``image`` (a statistic of it), ``label``, ``prediction``,
        ``sample`` (another number of the sample) or ``channel``.
    index : int
        Of the region (row by row), of the class or of the channel; −1 for the others.
    layer : str
        Of a channel.
    name : str
        In words.
    """

    kind: str
    index: int = -1
    layer: str = ""
    name: str = ""


@dataclass(frozen=True)
class Source:
    """Some traits of all samples.

    Attributes
    ----------
    words : str
        For the progress.
    traits : sequence of Trait
    rows : int
        Samples.
    read : callable
        See `Read`.
    """

    words: str
    traits: Sequence[Trait]
    rows: int
    read: Read

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last position of each block; the first is a multiple of 8."""
        rows = int(np.clip(CELLS // max(1, len(self.traits)), 64, ROWS)) // 8 * 8
        for start in range(0, self.rows, rows):
            yield start, min(start + rows, self.rows)


def sources_of(data: xr.Dataset, grid: int) -> list[Source]:
    """Return the traits that a run has: of its images, its columns and its layers.

    Parameters
    ----------
    data : Dataset
    grid : int
        Regions on a side of the images.
    """
    classes = [*_classes(data, "label"), *_classes(data, "prediction")]
    # each number by itself: where one is missing the others count all the same
    found = [_of_columns(columns) for columns in (classes, *([each] for each in _numbers(data)))]
    if "image" in data:
        found.append(_of_images(data["image"], grid))
    if "pooled_layers" in data:
        found.append(_of_layers(data["pooled_layers"]))
    return [source for source in found if source.traits]


def _of_images(image: xr.DataArray, grid: int) -> Source:
    named, measure = picture_traits(image.sizes["y"], image.sizes["x"], image.sizes["channel"], grid)
    traits = [Trait(kind, index, name=name) for kind, index, name in named]

    def read(start: int, stop: int) -> Float:
        return measure(image[start:stop].to_numpy())

    return Source("looking at the images", traits, image.sizes["sample"], read)


def _of_layers(pooled: xr.DataArray) -> Source:
    layers: list[tuple[str, int, str]] = pooled.attrs["layers"]
    traits = [
        Trait("channel", channel, layer, f"{layer} {word} {channel}")
        for layer, width, word in layers
        for channel in range(width)
    ]
    return Source(
        "reading the layers",
        traits,
        pooled.sizes["sample"],
        lambda start, stop: pooled[start:stop].to_numpy(),
    )


Column = tuple[Trait, NDArray[Any]]
"""What one number is, and its values, dims (sample,)."""


def _of_columns(columns: Sequence[Column]) -> Source:
    def read(start: int, stop: int) -> Float:
        return np.stack([values[start:stop] for _, values in columns], axis=1).astype(np.float32)

    rows = len(columns[0][1]) if columns else 0
    return Source("counting", [trait for trait, _ in columns], rows, read)


def _classes(data: xr.Dataset, name: str) -> list[Column]:
    """Return one column a class: whether the sample is of it."""
    if name not in data:
        return []
    codes = data[name].to_numpy()
    present = [int(code) for code in np.unique(codes) if code >= 0]
    if len(present) < 2:
        return []
    return [(Trait(name, code, name=f"{name} {code}"), codes == code) for code in present]


def _numbers(data: xr.Dataset) -> list[Column]:
    """Return the loss, whether the prediction is wrong, and how sure the network is; NaN where it cannot be said."""
    columns: list[Column] = []
    if "loss" in data:
        loss = data["loss"].to_numpy().astype(np.float64)
        columns.append((Trait("sample", name="log loss"), np.log10(np.maximum(loss, 1e-9))))
    if "prediction" in data:
        label, prediction = data["label"].to_numpy(), data["prediction"].to_numpy()
        wrong = np.where((label < 0) | (prediction < 0), np.nan, label != prediction)
        columns.append((Trait("sample", name="wrongly predicted"), wrong))
    if "logit" in data and data.sizes["class_"] > 1:
        best = np.partition(data["logit"].to_numpy(), -2, axis=1)
        columns.append((Trait("sample", name="margin of logits"), best[:, -1] - best[:, -2]))
    return columns
