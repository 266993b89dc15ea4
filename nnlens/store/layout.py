"""What lies where in a run's folder, and how its arrays are cut into shards and chunks."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnlens.errors import StoreDamagedError, StoreError
from nnlens.models.base import LayerInfo
from nnlens.schema import SCHEMA_VERSION

LOCK = "LOCK"
COMMIT = "commit.json"
DATA = "data.zarr"
RESULTS = "results"
METADATA = "zarr.json"

CHUNK_BYTES = 1 << 20
CHUNK_ROWS = 32
"""Inner chunks hold at most so much: one sample costs one chunk (32 of 18 kB: .3 ms)."""
SMALL_CHUNK_BYTES = 1 << 16
"""Arrays of which a whole shard is no more than this many bytes a chunk keep long chunks: they are read whole."""
SHARD_BYTES = 128 << 20
SHARD_ROWS = 2048
SHARD_PIXELS = SHARD_ROWS * 32 * 32
"""A batch, which is one shard of every array, is at most so many bytes, samples, and pixels of the network's input: a
sample of 224 px costs 50 times one of 32 px, and killing a capture loses a batch. Two batches are in memory."""
LEAST_ROWS = 64
LARGEST_SAMPLE = 1 << 31
"""Bytes of one sample in one array that a run is believed to hold."""

STRING = np.dtypes.StringDType()


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a run: its form, and how it is cut along the samples.

    Attributes
    ----------
    path : str
        Inside ``data.zarr``, such as ``samples/label``.
    shape : tuple of int
        The first dimension is the sample.
    dtype : dtype
    dims : tuple of str
    chunk, shard : int
        Samples in an inner chunk, and in a shard.
    order : tuple of int or None
        The axes as they follow each other on disk, where that is not their own order: what a network has with
        channels last in memory is written and read as it is, for turning it round costs more than compressing it.
    compressed : bool
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dims: tuple[str, ...]
    chunk: int
    shard: int
    order: tuple[int, ...] | None = None
    compressed: bool = True

    @property
    def shard_count(self) -> int:
        """Number of shards, each a file."""
        return math.ceil(self.shape[0] / self.shard)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, uncompressed."""
        size = 32 if self.dtype == STRING else self.dtype.itemsize
        return size * math.prod(self.shape[1:])

    def shard_key(self, shard: int) -> str:
        """Return the name of a shard's file inside ``data.zarr``."""
        return f"{self.path}/{'.'.join(['c', str(shard), *('0' * (len(self.shape) - 1))])}"

    @property
    def fill(self) -> Any:
        """The value of what was never written: NaN, −1, 0 for pixels, the empty string."""
        if self.dtype == STRING:
            return ""
        return {"f": np.nan, "i": -1, "u": 0}[self.dtype.kind]


def array_layout(
    path: str,
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: DTypeLike,
    shard: int,
    order: tuple[int, ...] | None = None,
    compressed: bool = True,
) -> ArrayLayout:
    """Cut an array: the shard is given (a batch), the chunk follows from the bytes of a sample."""
    draft = ArrayLayout(path, tuple(shape), np.dtype(dtype), tuple(dims), shard, shard, order, compressed)
    return replace(draft, chunk=chunk_rows(draft.sample_bytes, shard))


def empty(layout: ArrayLayout, count: int) -> NDArray[Any]:
    """Return room for so many samples, dims (sample, ...), whose numbers lie in memory as they do on disk."""
    shape = (count, *layout.shape[1:])
    if layout.order is None:
        return np.empty(shape, layout.dtype)
    laid = np.empty([shape[axis] for axis in layout.order], layout.dtype)
    return laid.transpose(np.argsort(layout.order))


def chunk_rows(sample_bytes: int, shard: int) -> int:
    """Choose the samples of an inner chunk: many of small ones, about 32 or 1 MB of large ones; divides the shard."""
    rows = max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(1, sample_bytes)))
    rows = max(rows, SMALL_CHUNK_BYTES // max(1, sample_bytes))
    return min(shard, floor_power(rows))


def shard_rows(total: int, sample_bytes: int, pixels: int) -> int:
    """Choose the samples of a batch, a power of two.

    Parameters
    ----------
    total : int
        Samples of the run.
    sample_bytes : int
        Of one sample over all arrays.
    pixels : int
        Of the network's input.
    """
    rows = max(LEAST_ROWS, min(SHARD_ROWS, SHARD_PIXELS // max(1, pixels)))
    return floor_power(max(1, min(rows, SHARD_BYTES // max(1, sample_bytes), ceil_power(total))))


def floor_power(number: int) -> int:
    """Return the largest power of two that is not above the number."""
    return 1 << (int(number).bit_length() - 1)


def ceil_power(number: int) -> int:
    """Return the smallest power of two that is not below the number."""
    return 1 << (int(number) - 1).bit_length() if number > 1 else 1


def layer_path(index: int) -> str:
    """Return where a layer lies; its own name is an attribute, for ``..`` and ``a/b`` are legal names of layers."""
    return f"layers/L{index:04d}"


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a run.

    Attributes
    ----------
    info : LayerInfo
        As the model described it.
    kept : bool
        Whether the run holds its activation in full.
    pooled : bool
        Whether the run holds its mean over space.
    path : str
        Inside ``data.zarr``.
    """

    info: LayerInfo
    kept: bool
    pooled: bool
    path: str

    @property
    def name(self) -> str:
        """The framework's own name of the layer."""
        return self.info.name


def layer_attributes(layer: StoredLayer) -> dict[str, Any]:
    """Return a stored layer as plain data."""
    return {**info_attributes(layer.info), "kept": layer.kept, "pooled": layer.pooled, "path": layer.path}


def stored_layer(data: Mapping[str, Any]) -> StoredLayer:
    """Rebuild from `layer_attributes`."""
    return StoredLayer(layer_info(data), bool(data["kept"]), bool(data["pooled"]), str(data["path"]))


def info_attributes(info: LayerInfo) -> dict[str, Any]:
    """Return what is known of a layer as plain data."""
    return {
        "name": info.name,
        "kind": info.kind,
        "shape": list(info.shape),
        "parameters": info.parameters,
        "inputs": list(info.inputs),
        "capturable": info.capturable,
        "aliases": list(info.aliases),
    }


def layer_info(data: Mapping[str, Any]) -> LayerInfo:
    """Rebuild from `info_attributes`."""
    return LayerInfo(
        name=str(data["name"]),
        kind=str(data["kind"]),
        shape=tuple(int(n) for n in data["shape"]),
        parameters=int(data["parameters"]),
        inputs=tuple(data["inputs"]),
        capturable=bool(data["capturable"]),
        aliases=tuple(data["aliases"]),
    )


def run_name(run: Path) -> str:
    """Return what a run is called: its folder, or the link to it, under which it is listed and asked for."""
    return Path(os.path.normpath(run.absolute())).name


def check_schema(attributes: Mapping[str, Any]) -> None:
    """Refuse a run that a later nnlens wrote.

    Raises
    ------
    StoreError
        If this nnlens does not know the run's schema.
    """
    version = attributes.get("schema")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"The run has schema {version}, and this nnlens reads schema {SCHEMA_VERSION}.", "Update nnlens."
        )


def parse_layout(path: str, metadata: bytes) -> tuple[ArrayLayout, tuple[dict[str, Any], ...]]:
    """Read an array's form and the codecs of its inner chunks from its ``zarr.json``.

    Raises
    ------
    StoreDamagedError
        If this is no array as nnlens writes them.
    """
    try:
        data = json.loads(metadata)
        sharding = data["codecs"][0]["configuration"]
        shape = tuple(int(n) for n in data["shape"])
        dtype = STRING if data["data_type"] == "string" else np.dtype(data["data_type"])
        shard = int(data["chunk_grid"]["configuration"]["chunk_shape"][0])
        chunk = int(sharding["chunk_shape"][0])
        codecs = sharding["codecs"]
        turned = codecs[0]["name"] == "transpose"
        order = tuple(int(axis) for axis in codecs[0]["configuration"]["order"]) if turned else None
        if order is not None and (order[0] or sorted(order) != list(range(len(shape)))):
            raise ValueError(order)
        compressed = any(codec["name"] == "blosc" for codec in codecs)
        layout = ArrayLayout(
            path, shape, dtype, tuple(data["dimension_names"]), chunk, shard, order, compressed
        )
        if not _is_sound(layout):
            raise ValueError(layout)
        return layout, tuple(codecs[turned:])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreDamagedError(f"{path}/{METADATA} does not describe an array of a run.") from error


def _is_sound(layout: ArrayLayout) -> bool:
    """Whether a run can have such an array: one from a stranger may claim anything, and memory is asked for by it."""
    numbers = layout.dtype == STRING or (layout.dtype.kind in "fiu" and layout.dtype.itemsize <= 8)
    cut = 0 < layout.chunk <= layout.shard and layout.shard % layout.chunk == 0
    sizes = min(layout.shape) >= 0 and layout.sample_bytes <= LARGEST_SAMPLE
    return numbers and cut and sizes and len(layout.dims) == len(layout.shape)
