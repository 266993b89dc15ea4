"""The dataset that an analysis gets: the variables of its plan, lazy, over the same samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import AnalysisError
from nnlens.lens.inputs import Inputs
from nnlens.lens.layers import layer_shape
from nnlens.lens.plan import Plan
from nnlens.models.base import Model
from nnlens.samples.base import Samples
from nnlens.schema import INPUT, LOGITS, POOLED_LAYERS
from nnlens.store.lazy import lazy_array

if TYPE_CHECKING:
    from nnlens.store import Store

MODEL_BATCH = 64
"""Samples in one pass where a layer is computed on demand: larger batches fall out of the cache."""
REDUCED_UNITS = 100
"""What a reduction keeps is known only afterwards: 90 % of the variance of a layer is mostly in fewer numbers."""


class Assembler:
    """Builds what analyses get from one run.

    Parameters
    ----------
    store : Store
    model : Model or None
        For layers that the run does not hold.
    samples : Samples, optional
        The data set of the run, for a run that holds thumbnails.
    """

    def __init__(self, store: Store, model: Model | None, samples: Samples | None = None) -> None:
        self.store = store
        self.model = model
        self.inputs = Inputs(store, model, samples)

    def assemble(self, plan: Plan, results: Mapping[str, xr.Dataset]) -> xr.Dataset:
        """Put the variables of a plan together.

        Parameters
        ----------
        plan : Plan
        results : mapping of str to Dataset
            Results that the plan stands on, by key.

        Returns
        -------
        Dataset
            With ids as coordinate ``sample``: those asked for that every result has.

        Raises
        ------
        AnalysisError
            If variables do not fit together.
        """
        arrays = [self._array(plan, name, results).rename(name) for name in plan.sources]
        ids = self._ids(plan, [array for array in arrays if "sample" in array.coords])
        picked = [pick(array, ids) if "sample" in array.coords else array for array in arrays]
        try:
            merged = xr.merge(
                [array.reset_coords(drop=True) for array in picked],
                join="exact",
                combine_attrs="drop_conflicts",
            )
        except (ValueError, xr.MergeError) as error:
            raise AnalysisError(
                f"{plan.info.name} requires variables whose dimensions do not fit: {', '.join(plan.sources)}.",
                "Its author must require one of them in another form.",
            ) from error
        return merged.assign_coords(sample=ids)

    def _ids(self, plan: Plan, arrays: Sequence[xr.DataArray]) -> NDArray[np.int64]:
        every = plan.request.sample is None or plan.cls.against_rest
        asked = self.store.ids if every else np.asarray(plan.request.sample, np.int64)
        ids = reduce(_both, [array["sample"].values for array in arrays], asked)
        if not ids.size:
            raise AnalysisError(f"No sample has all that {plan.info.name} requires.", "Choose other samples.")
        return ids

    def _array(self, plan: Plan, name: str, results: Mapping[str, xr.Dataset]) -> xr.DataArray:
        source, layer = plan.sources[name], plan.request.layer
        if source.kind == "result" and source.key is not None:
            made = results[source.key]
            return made[name].assign_attrs(title=made.attrs.get("title", ""))
        if source.kind == "model input":
            return self._prepared()
        if name == "image" and plan.needs_model and self.inputs.thumbnails:
            return self._images()
        if source.kind == "layers":
            return self._side_by_side()
        if source.kind == "column" or layer is None:
            return self.store.samples[name]
        if source.kind == "pixels":
            return self._flat_pixels()
        vector = name == "embedding"
        if source.kind == "pooled":
            pooled = self.store.pooled(layer)
            return pooled.rename(channel="unit") if vector else pooled
        if source.kind.startswith("model"):
            return self._computed(layer, name, source.kind == "model mean")
        return self.store.activation(layer)

    def _images(self) -> xr.DataArray:
        """Wrap the data set's own images as an array that decodes what is read of it."""

        def read(positions: NDArray[np.intp]) -> NDArray[np.uint8]:
            return self.inputs.read(self.store.ids[positions])

        shape = (self.store.committed, *self.inputs.shape)
        return lazy_array(read, ("sample", "y", "x", "channel"), shape, np.uint8, self.store.ids)

    def _prepared(self) -> xr.DataArray:
        """Wrap the images as an array of inputs of the network, made of what is read of it."""
        if self.model is None:
            raise AnalysisError("Inputs are made by the model.", "Give it: Lens(run, model=…) or --model.")
        prepare, used = self.model.prepare, self.model.preprocess

        def read(positions: NDArray[np.intp]) -> NDArray[np.float32]:
            return prepare(self.inputs.read(self.store.ids[positions]))

        shape = (self.store.committed, used.channels, used.height, used.width)
        return lazy_array(read, ("sample", "channel", "y", "x"), shape, np.float32, self.store.ids)

    def _side_by_side(self) -> xr.DataArray:
        """Put the pooled channels of all layers next to each other."""
        arrays = {layer.name: self.store.pooled(layer.name) for layer in self.store.layers}

        def read(positions: NDArray[np.intp]) -> NDArray[np.float32]:
            return np.concatenate([each.isel(sample=positions).values for each in arrays.values()], axis=1)

        words = ["channel" if layer.info.spatial else "unit" for layer in self.store.layers]
        parts = [
            (name, array.shape[1], word) for (name, array), word in zip(arrays.items(), words, strict=True)
        ]
        shape = (self.store.committed, sum(width for _, width, _ in parts))
        found = lazy_array(read, ("sample", "unit"), shape, np.float32, self.store.ids)
        return found.assign_attrs(layers=parts)

    def _flat_pixels(self) -> xr.DataArray:
        pixels = self.store.activation(INPUT)
        units = math.prod(pixels.shape[1:])

        def read(positions: NDArray[np.intp]) -> NDArray[np.float32]:
            return pixels.isel(sample=positions).values.reshape(len(positions), units)

        return lazy_array(read, ("sample", "unit"), (pixels.shape[0], units), np.float32, self.store.ids)

    def _computed(self, layer: str, name: str, mean: bool) -> xr.DataArray:
        """Wrap the model as an array that computes what is read of it."""
        shape = layer_shape(self.store, layer)
        mean = mean and len(shape) == 3
        form = shape[:1] if mean else shape
        vector = ("sample", "channel") if name == "pooled" else ("sample", "unit")
        dims = vector if len(form) == 1 else ("sample", "channel", "y", "x")

        def read(positions: NDArray[np.intp]) -> NDArray[np.float32]:
            parts = [self._activations(layer, each, mean) for each in batches(positions)]
            return np.concatenate(parts) if parts else np.empty((0, *form), np.float32)

        return lazy_array(read, dims, (self.store.committed, *form), np.float32, self.store.ids)

    def _activations(self, layer: str, positions: NDArray[np.intp], mean: bool) -> NDArray[np.float32]:
        if self.model is None:
            raise AnalysisError(
                f"Computing {layer} needs the model.", "Give it: Lens(run, model=…) or --model."
            )
        inputs = self.model.prepare(self.inputs.read(self.store.ids[positions]))
        activation = self.model.activations(inputs, [layer])[layer]
        return activation.mean((2, 3)) if mean else activation

    def sizes(self, plan: Plan) -> dict[str, int]:
        """Tell the lengths of the dimensions of what a plan requires, as far as they are known beforehand."""
        request = plan.request
        every = request.sample is None or plan.cls.against_rest
        sizes = {"sample": self.store.committed if every else len(request.sample or ())}
        sizes["class_"] = self.store.samples.sizes.get("class_", 0)
        if POOLED_LAYERS in plan.sources:
            sizes["unit"] = sum(self.store.pooled(layer.name).shape[1] for layer in self.store.layers)
        if request.layer is not None:
            shape = layer_shape(self.store, request.layer)
            sizes |= dict(zip(("unit",) if len(shape) == 1 else ("channel", "y", "x"), shape, strict=True))
            sizes.setdefault("unit", self._units(plan, shape))
        return sizes

    def _units(self, plan: Plan, shape: tuple[int, ...]) -> int:
        kind = plan.sources["embedding"].kind if "embedding" in plan.sources else "pixels"
        if kind in ("pooled", "model mean"):
            return shape[0]
        return min(math.prod(shape), REDUCED_UNITS) if kind == "result" else math.prod(shape)


def batches(positions: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Cut positions into pieces that go through the model at once."""
    return [positions[start : start + MODEL_BATCH] for start in range(0, len(positions), MODEL_BATCH)]


def pick(array: xr.DataArray, ids: NDArray[np.int64]) -> xr.DataArray:
    """Take samples by id, lazily, in the order of `ids`."""
    have = array["sample"].values
    if len(have) == len(ids) and np.array_equal(have, ids):
        return array
    order = np.argsort(have, kind="stable")
    return array.isel(sample=order[np.searchsorted(have, ids, sorter=order)])


def _both(ids: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(ids) == len(others) and np.array_equal(ids, others):
        return ids
    return ids[np.isin(ids, others)]


def source_words(plan: Plan) -> str:
    """Say by which way a spatial layer became vectors, for the title; empty where there was only one."""
    source = plan.sources.get("embedding")
    if source is None or plan.request.layer in (None, INPUT, LOGITS):
        return ""
    if source.kind in ("pooled", "model mean"):
        return ", mean over space"
    return f" after {source.plan.info.title}" if source.plan else ""
