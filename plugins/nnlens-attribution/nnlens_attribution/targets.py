"""The output that is explained: a class, each sample's label, or a unit or channel of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model
from nnlens.schema import UNLABELLED

LABEL = "label"


@dataclass(frozen=True)
class Target:
    """The output that is explained, of one batch of samples.

    Attributes
    ----------
    asked : int or str or None
        As in `nnlens.analysis.Request.target`.
    chosen : ndarray of int64, dims (sample,), optional
        The class of each sample, where it is known before the pass: the labels.
    """

    asked: int | str | None
    chosen: NDArray[np.int64] | None = None

    @property
    def layer(self) -> str | None:
        """The layer whose unit or channel is explained; None for a class."""
        return None if self.asked in (None, LABEL) or isinstance(self.asked, int) else self._split[0]

    @property
    def kept(self) -> tuple[str, ...]:
        """The layers whose activations are needed to tell what was explained."""
        return () if self.layer is None else (self.layer,)

    @property
    def _split(self) -> tuple[str, int]:
        layer, _, index = str(self.asked).rpartition(":")
        return layer, int(index)

    def of(self, classes: NDArray[np.int64]) -> Target:
        """Return the same for samples whose classes are known."""
        return replace(self, chosen=np.asarray(classes, np.int64))

    def numbers(self, logits: Float) -> NDArray[np.int64]:
        """Return the class, unit or channel (sample,) that is explained; -1 for a sample without a label."""
        if self.chosen is not None:
            return self.chosen
        if self.asked is None:
            return logits.argmax(axis=1).astype(np.int64)
        number = self.asked if isinstance(self.asked, int) else self._split[1]
        return np.full(len(logits), number, np.int64)

    def values(self, logits: Float, activations: Mapping[str, Float]) -> Float:
        """Return the number (sample,) that is explained: the logit, or the activation, the largest of a channel."""
        numbers = self.numbers(logits)
        outputs = logits if self.layer is None else activations[self.layer]
        values = outputs[np.arange(len(outputs)), numbers]
        return values if values.ndim == 1 else values.reshape(len(values), -1).max(axis=1)

    def chances(self, logits: Float, activations: Mapping[str, Float]) -> Float:
        """Return how probable the class is (sample,); of a unit or channel its activation."""
        if self.layer is not None:
            return self.values(logits, activations)
        numbers = self.numbers(logits)
        chances = probabilities(logits)[np.arange(len(logits)), numbers]
        return np.where(numbers == UNLABELLED, np.float32(np.nan), chances)

    def seed(self, logits: Float, activations: Mapping[str, Float]) -> Float:
        """Return one at the target and zero elsewhere: the start of the backward pass."""
        outputs = logits if self.layer is None else activations[self.layer]
        numbers, start = self.numbers(logits), np.zeros_like(outputs)
        rows = np.arange(len(outputs))
        if outputs.ndim == 2:
            start[rows, numbers] = 1
        else:
            places = outputs[rows, numbers].reshape(len(rows), -1).argmax(axis=1)
            start.reshape(*start.shape[:2], -1)[rows, numbers, places] = 1
        return start


def network(context: Context) -> Model:
    """Return the network.

    Raises
    ------
    AnalysisError
        If there is none, or it has no such class as the target.
    """
    model, target = context.model, context.request.target
    if model is None:
        raise AnalysisError("An attribution needs the model.", "Give it: Lens(run, model=…).")
    if isinstance(target, int) and not 0 <= target < model.class_count:
        raise AnalysisError(
            f"The network has no output {target}.", f"Targets are 0 to {model.class_count - 1}."
        )
    return model


def target_of(data: xr.Dataset, context: Context, rows: slice) -> Target:
    """Return what is explained of some samples of a dataset; a label that the network has no output for is none.

    Raises
    ------
    AnalysisError
        If their labels are asked for and not there.
    """
    target = Target(context.request.target)
    if target.asked != LABEL:
        return target
    if LABEL not in data:
        raise AnalysisError("There are no labels to explain.", "Give a class by its number.")
    labels = data[LABEL][rows].to_numpy()
    return target.of(np.where(labels < network(context).class_count, labels, UNLABELLED))


def probabilities(logits: Float) -> Float:
    """Return the softmax of logits (sample, class_); NaN for a sample whose logits are not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def told(target: Target, numbers: NDArray[np.int64], chances: Float) -> str:
    """Say what was explained."""
    if target.layer is not None:
        return _told_unit(target.layer, numbers, chances)
    which = {None: "predicted class", LABEL: "label"}.get(target.asked, "class")
    if len(numbers) == 1:
        return f"{which} {numbers[0]} · probability {chances[0]:.3f}"
    several = {None: "predicted classes", LABEL: "labels"}.get(target.asked, f"class {target.asked}")
    return f"{several} of {len(numbers):,} samples"


def _told_unit(layer: str, numbers: NDArray[np.int64], chances: Float) -> str:
    if len(numbers) == 1:
        return f"{layer}:{numbers[0]} · activation {chances[0]:.3g}"
    same = (numbers == numbers[0]).all()
    return f"{layer}{f':{numbers[0]}' if same else ''} of {len(numbers):,} samples"
