"""Which samples can be scored: those with a label and a prediction that the network knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """Labels and predictions, and where both can be used.

    Attributes
    ----------
    label, prediction : ndarray, dims (sample,), int64
    classes : int
        Outputs of the network.
    labelled, predicted : ndarray, dims (sample,), bool
        False for a label that is missing or no class of the network, and for a prediction from logits that are
        not finite.
    """

    label: NDArray[np.int64]
    prediction: NDArray[np.int64]
    classes: int
    labelled: Mask
    predicted: Mask

    @property
    def usable(self) -> Mask:
        """Samples with both."""
        return self.labelled & self.predicted

    @property
    def left_out(self) -> int:
        """Samples without one of them."""
        return int((~self.usable).sum())

    def accuracy(self) -> float:
        """Return the share of usable samples that are predicted as labelled; NaN without any."""
        usable = self.usable
        return float((self.label[usable] == self.prediction[usable]).mean()) if usable.any() else float("nan")

    def facts(self) -> dict[str, float]:
        """Return the accuracy as an attribute; none where there is nothing to score, for NaN is no JSON."""
        return {"accuracy": self.accuracy()} if self.usable.any() else {}

    def words(self) -> str:
        """Say what was used and what was left out, for a caption."""
        used, unlabelled, invalid = (
            int(self.usable.sum()),
            int((~self.labelled).sum()),
            int((~self.predicted).sum()),
        )
        parts = [f"{used:,} sample" if used == 1 else f"{used:,} samples", f"{self.left_out:,} left out"]
        parts += [f"{unlabelled:,} without a label of the network"] if unlabelled else []
        parts += [f"{invalid:,} without a prediction"] if invalid else []
        return " · ".join(parts)


def scored(data: xr.Dataset) -> Scored:
    """Read ``label``, ``prediction`` and, for the number of classes, the width of ``logit``."""
    label = data["label"].to_numpy().astype(np.int64)
    prediction = data["prediction"].to_numpy().astype(np.int64)
    classes = data.sizes["class_"]
    return Scored(label, prediction, classes, _known(label, classes), _known(prediction, classes))


def _known(values: NDArray[np.int64], classes: int) -> Mask:
    return (values >= 0) & (values < classes)
