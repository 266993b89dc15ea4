"""What every attribution by gradients shares: the target, batches, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.models.base import Float, Model, Pass

BATCH = 32
"""Samples in one pass; larger batches leave the processor's cache."""
PROVIDES = {"attribution": ("sample", "y", "x"), "target": ("sample",), "probability": ("sample",)}

Backward = Callable[[Model, Float, "Target"], Pass]
Picture = Callable[[Pass], Float]
Explained = tuple[Float, NDArray[np.int64], Float]
"""Attribution, target and probability of some samples."""


@dataclass(frozen=True)
class Target:
    """The output that is explained.

    Attributes
    ----------
    number : int or None
        None is each sample's predicted class.
    """

    number: int | None

    def classes(self, logits: Float) -> NDArray[np.int64]:
        """Return the class (sample,) that is explained."""
        if self.number is None:
            return logits.argmax(axis=1).astype(np.int64)
        return np.full(len(logits), self.number, np.int64)

    def seed(self, logits: Float, activations: Mapping[str, Float]) -> Float:  # noqa: ARG002 - the protocol's
        """Return one at the target and zero elsewhere: the start of the backward pass."""
        start = np.zeros_like(logits)
        start[np.arange(len(logits)), self.classes(logits)] = 1
        return start


def model_of(context: Context) -> Model:
    """Return the network, having checked the target against it.

    Raises
    ------
    AnalysisError
        If there is none, or it has no such output.
    """
    model, target = context.model, context.request.target
    if model is None:
        raise AnalysisError("An attribution needs the model.", "Give it: Lens(run, model=…).")
    if target is not None and not 0 <= target < model.class_count:
        raise AnalysisError(
            f"The network has no output {target}.", f"Targets are 0 to {model.class_count - 1}."
        )
    return model


def explain(
    data: xr.Dataset, context: Context, backward: Backward, picture: Picture, words: str
) -> xr.Dataset:
    """Explain all samples, in batches.

    Parameters
    ----------
    data : Dataset
        With ``image``.
    context : Context
    backward : callable
        (model, inputs, target) → Pass.
    picture : callable
        Pass → (sample, y, x) at the size of the network's input.
    words : str
        What the caption says of the method.

    Returns
    -------
    Dataset
        The variables of `PROVIDES`, for the samples whose output is finite; raw values.

    Raises
    ------
    AnalysisError
        If no output is finite.
    """
    model, target = model_of(context), Target(context.request.target)
    parts = [
        _batch(backward(model, model.prepare(images), target), target, picture)
        for images in _images(data, context)
    ]
    attribution, classes, probability = (np.concatenate(part) for part in zip(*parts, strict=True))
    finite = np.isfinite(probability) & np.isfinite(attribution).all(axis=(1, 2))
    ids = data["sample"].to_numpy().astype(np.int64)[finite]
    if not len(ids):
        raise AnalysisError(
            "The network's output or its gradient is not finite here, so there is nothing to explain.",
            "Look at the image and at the preprocessing.",
        )
    caption = [words, _said(classes[finite], probability[finite], target), *_lost(finite), *_doubts(model)]
    return _result(
        ids,
        (attribution[finite], classes[finite], probability[finite]),
        caption=" · ".join(part for part in caption if part),
        left_out=int((~finite).sum()),
        from_logits=bool(model.has_logits),
    )


def _result(ids: NDArray[np.int64], arrays: Explained, **facts: str | int | bool) -> xr.Dataset:
    held = {name: (dims, array) for (name, dims), array in zip(PROVIDES.items(), arrays, strict=True)}
    return xr.Dataset(held, coords={"sample": ids}, attrs=facts)


def _images(data: xr.Dataset, context: Context) -> Iterator[NDArray[np.uint8]]:
    samples = data.sizes["sample"]
    if samples == 0:
        raise AnalysisError("There is no sample to explain.", "Choose one.")
    for start in range(0, samples, BATCH):
        if context.cancelled:
            raise JobCancelledError("Cancelled while explaining samples.")
        if samples > BATCH:
            context.progress(start, samples, "explaining samples")
        images = data["image"] if samples <= BATCH else data["image"].isel(sample=slice(start, start + BATCH))
        yield images.to_numpy()


def _batch(made: Pass, target: Target, picture: Picture) -> Explained:
    classes = target.classes(made.logits)
    chosen = probabilities(made.logits)[np.arange(len(classes)), classes]
    return picture(made).astype(np.float32, copy=False), classes, chosen


def probabilities(logits: Float) -> Float:
    """Return the softmax of logits (sample, class_); NaN for a sample whose logits are not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def _said(classes: NDArray[np.int64], probability: Float, target: Target) -> str:
    if len(classes) == 1:
        which = "predicted class" if target.number is None else "class"
        return f"{which} {classes[0]} · probability {probability[0]:.3f}"
    which = "predicted classes" if target.number is None else f"class {target.number}"
    return f"{which} of {len(classes):,} samples"


def _lost(finite: NDArray[np.bool_]) -> list[str]:
    lost = int((~finite).sum())
    return [f"{lost:,} left out"] if lost else []


def _doubts(model: Model) -> list[str]:
    return (
        []
        if model.has_logits
        else ["gradient of the logarithm of probabilities: the network gives no logits"]
    )
