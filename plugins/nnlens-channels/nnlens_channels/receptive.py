"""Which pixels each place of a layer can see, found by asking the network itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError, JobCancelledError, ModelError
from nnlens.models.base import Float, Model, layer_named
from nnlens.schema import INPUT, LOGITS
from nnlens_channels.text import caption

Index = NDArray[np.int64]
Measure = Callable[[list[int]], Index]
"""Rows or columns of a layer → first pixel and the one after the last (row, end)."""

SMALL = 16
"""Up to so many rows all are measured; of more those between which the edges do not run evenly."""
BATCH_BYTES = 64 << 20
"""Of the inputs and the seeds of one pass."""
TOGETHER = 4
"""Places that are measured between two words on how far it is."""
TRIES = 2
"""Inputs of each kind, noise and pictures: a path that is dead for one may live for another."""
PROVIDES = {"receptive_field": ("row", "column", "edge")}


class ReceptiveField(Analysis):
    """Find the pixels that each place of a layer can see.

    Answers "how much of the picture stands behind one number?"; misleads about weight: the middle of the field
    counts for most of it. It is where the gradient of a row, or a column, of the layer is not zero, on noise and on
    pictures; for a network without gradients where the layer changes with a row of pixels. So it holds for any
    architecture, as far as what a row sees does not depend on the column.
    """

    title = "Receptive field"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES
    needs_model = True
    needs_layer = True
    priority = -1  # before the size of the picture

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: a pass of a network of middle size for each row and column that is measured."""
        return 0.1 + 0.05 * sum(min(sizes.get(side, 1), SMALL) for side in ("y", "x"))

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Measure rows and columns of the layer."""
        model, layer = context.model, context.request.layer
        if model is None or layer is None:
            raise AnalysisError("A receptive field needs the model and a layer.", "Give both.")
        if layer == INPUT:
            return _pixels(data.sizes["y"], data.sizes["x"])
        inputs = probes(model, data["image"], context)
        height, width = inputs.shape[2:]
        form = _form(model, layer)
        told = Told(context, sum(min(size, SMALL) for size in form))
        rows, columns = (
            spans(size, told.counting(measurer(model, layer, inputs, axis, context)))
            for axis, size in enumerate(form)
        )
        return _field(rows, columns, height, width, exact=True)


class Told:
    """Counts what was measured, so that the time left is told by its pace.

    Parameters
    ----------
    context : Context
    total : int
        Rows and columns that are measured, about: between those of a large layer some are left out, or looked at more.
    """

    def __init__(self, context: Context, total: int) -> None:
        self._context, self._total, self._done = context, total, 0

    def counting(self, measure: Measure) -> Measure:
        """Return the function that counts what another one measures, some places at a time."""

        def counted(places: list[int]) -> Index:
            parts = (places[start : start + TOGETHER] for start in range(0, len(places), TOGETHER))
            return np.concatenate([self._some(measure, part) for part in parts])

        return counted

    def _some(self, measure: Measure, places: list[int]) -> Index:
        self._context.progress(min(self._done, self._total), self._total, "measuring what a place sees")
        self._done += len(places)
        return measure(places)


class PictureSize(Analysis):
    """Tell the size of the pictures: all that any place of a layer can see.

    Answers for "receptive-field" where there is no model; misleads about layers near the input, which see less.
    """

    title = "Picture size"
    priority = -2
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = PROVIDES

    def estimate(self, sizes: Mapping[str, int]) -> float:  # noqa: ARG002 - nothing is read
        """Estimate the seconds: none."""
        return 0.0

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:  # noqa: ARG002 - nothing takes time
        """Return one field, the whole picture."""
        height, width = data.sizes["y"], data.sizes["x"]
        return _field(np.array([[0, height]]), np.array([[0, width]]), height, width, exact=False)


def _field(rows: Index, columns: Index, height: int, width: int, exact: bool) -> xr.Dataset:
    """Put the spans of rows and columns (row, end) together."""
    edges = np.empty((len(rows), len(columns), 4), np.int64)
    edges[..., 0::2], edges[..., 1::2] = rows[:, None], columns[None]
    facts = {"exact": int(exact), "input_height": height, "input_width": width}
    tall, wide = ((each[:, 1] - each[:, 0]).max() for each in (rows, columns))
    words = f"up to {tall}×{wide} of {height}×{width} pixels" if exact else f"{height}×{width} pixels"
    return xr.Dataset(
        {"receptive_field": (PROVIDES["receptive_field"], edges, facts)},
        attrs={"caption": caption(words, f"{len(rows)}×{len(columns)} places" if exact else ""), **facts},
    )


def _pixels(height: int, width: int) -> xr.Dataset:
    rows, columns = (np.stack([np.arange(n), np.arange(n) + 1], axis=1) for n in (height, width))
    return _field(rows, columns, height, width, exact=True)


def _form(model: Model, layer: str) -> tuple[int, int]:
    """Return rows and columns of a layer; one of each where it is flat."""
    info = None if layer == LOGITS else layer_named(model.layers, layer)
    return (info.shape[1], info.shape[2]) if info is not None and info.spatial else (1, 1)


def probes(model: Model, images: xr.DataArray, context: Context) -> Float:
    """Return inputs to try: noise, and pictures of the run."""
    pictures = images.isel(sample=slice(0, TRIES)).to_numpy()
    noise = context.rng.integers(0, 255, (TRIES, *pictures.shape[1:]), dtype=np.uint8)
    inputs = model.prepare(np.concatenate([noise, pictures]))
    return inputs[np.isfinite(inputs).all(axis=(1, 2, 3))]


def measurer(model: Model, layer: str, inputs: Float, axis: int, context: Context) -> Measure:
    """Return a function that measures rows (axis 0) or columns (axis 1) of a layer."""
    shape = model.activations(inputs[:1], [layer])[layer].shape[1:]
    weight = context.rng.standard_normal((len(inputs), *shape)).astype(np.float32)

    def by_gradient(places: list[int]) -> Index:
        return np.concatenate(
            [
                _gradient_spans(model, layer, inputs, weight, axis, part)
                for part in _batches(places, inputs.nbytes + weight.nbytes, context)
            ]
        )

    @cache  # it measures all rows at once, however few are asked for
    def changed() -> Index:
        return _changed_spans(model, layer, inputs, axis, context)

    def by_change(places: list[int]) -> Index:
        return changed()[places]

    try:
        model.vjp(inputs[:1], weight[:1], at=None if layer == LOGITS else layer, wrt=(INPUT,))
    except ModelError:  # a network of onnx has no gradients
        return by_change
    return by_gradient


def _batches(places: list[int], size: int, context: Context) -> list[list[int]]:
    if context.cancelled:
        raise JobCancelledError("Cancelled while measuring the receptive field.")
    step = max(1, BATCH_BYTES // size)
    return [places[start : start + step] for start in range(0, len(places), step)]


def _gradient_spans(
    model: Model, layer: str, inputs: Float, weight: Float, axis: int, places: list[int]
) -> Index:
    """Find where the gradient of all values in one row of the layer is not zero, for several rows in one pass."""
    seed = np.zeros((len(places), *weight.shape), np.float32)
    for number, place in enumerate(places):
        line = (slice(None),) * (2 + axis) + (place,) if weight.ndim == 4 else ...
        seed[number][line] = weight[line]
    many = np.concatenate([inputs] * len(places))
    made = model.vjp(
        many, seed.reshape(-1, *weight.shape[1:]), at=None if layer == LOGITS else layer, wrt=(INPUT,)
    )
    gradient = np.nan_to_num(made.gradients[INPUT]).reshape(len(places), *inputs.shape)
    return _ends((gradient != 0).any(axis=(1, 2, 4 - axis)))


def _changed_spans(model: Model, layer: str, inputs: Float, axis: int, context: Context) -> Index:
    """Find which rows of pixels change each row of the layer when they are replaced by noise."""
    before = model.activations(inputs, [layer])[layer]
    noise = context.rng.permuted(inputs, axis=None).astype(np.float32)
    changes = []
    for pixel in range(inputs.shape[2 + axis]):
        _batches([0], 1, context)
        line = (slice(None),) * (2 + axis) + (pixel,)
        inputs_ = inputs.copy()
        inputs_[line] = noise[line]
        changed = model.activations(inputs_, [layer])[layer] != before
        changes.append(
            changed.any(axis=(0, 1, 3 - axis)) if changed.ndim == 4 else changed.any(keepdims=True)[0]
        )
    return _ends(np.stack(changes, axis=1))


def _ends(reached: NDArray[np.bool_]) -> Index:
    """Return the first pixel and the one after the last (row, end); all pixels where none is reached."""
    pixels = reached.shape[1]
    first, last = reached.argmax(axis=1), pixels - reached[:, ::-1].argmax(axis=1)
    return np.stack([np.where(reached.any(axis=1), first, 0), last], axis=1).astype(np.int64)


def spans(count: int, measure: Measure) -> Index:
    """Measure so many rows, those between which the edges run evenly by interpolation.

    The first edge of a convolutional network is the larger of 0 and a straight line, the last the smaller of the height
    and one: where the middle of an interval lies on the line between its ends, all of it does.
    """
    known: dict[int, Index] = {}

    def ask(places: list[int]) -> None:
        new = [place for place in dict.fromkeys(places) if place not in known]
        known.update(zip(new, measure(new) if new else [], strict=True))

    if count <= SMALL:
        return measure(list(range(count)))
    ask([0, count - 1])
    waiting = [(0, count - 1)]
    while waiting:
        halves = [(start, (start + stop) // 2, stop) for start, stop in waiting if stop - start > 1]
        ask([middle for _, middle, _ in halves])
        waiting = []
        for start, middle, stop in halves:
            left, right = known[middle] - known[start], known[stop] - known[middle]
            if not (left * (stop - middle) == right * (middle - start)).all():
                waiting += [(start, middle), (middle, stop)]
    at = sorted(known)
    ends = [np.interp(np.arange(count), at, [known[place][end] for place in at]) for end in (0, 1)]
    return np.rint(np.stack(ends, axis=1)).astype(np.int64)
