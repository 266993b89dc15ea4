"""What the network made of each sample: prediction and loss from logits, and the counts over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED

CHANCE_MARGIN = 0.1
"""Accuracy is near chance below this part of the way from guessing to perfect."""
CHANCE_SAMPLES = 20
"""With fewer labelled samples nothing is said about chance."""


@dataclass
class Outcome:
    """Counts over the samples so far.

    Attributes
    ----------
    labelled, correct : int
        Samples with a label that the network has an output for, and those of them predicted right.
    invalid : int
        Samples whose logits are not numbers; their prediction is −1.
    unfit : int
        Samples whose label is beyond the network's outputs.
    """

    labelled: int = 0
    correct: int = 0
    invalid: int = 0
    unfit: int = 0

    def add(self, labels: NDArray[np.int64], predictions: NDArray[np.int64], class_count: int) -> None:
        """Count more samples."""
        fit = (labels != UNLABELLED) & (labels < class_count)
        self.labelled += int(fit.sum())
        self.correct += int((fit & (labels == predictions)).sum())
        self.invalid += int((predictions == UNLABELLED).sum())
        self.unfit += int((labels >= class_count).sum())

    @property
    def accuracy(self) -> float | None:
        """Part of the labelled samples that were predicted right; None without labels."""
        return self.correct / self.labelled if self.labelled else None

    def near_chance(self, class_count: int) -> bool:
        """Whether the network hardly does better than guessing, which mostly means a wrong preprocessing."""
        chance = 1 / class_count
        enough = self.labelled >= CHANCE_SAMPLES and class_count > 1
        return enough and self.correct / self.labelled < chance + CHANCE_MARGIN * (1 - chance)

    def facts(self, class_count: int) -> dict[str, Any]:
        """Return the counts as plain data for the commit."""
        return {
            "labelled": self.labelled,
            "correct": self.correct,
            "invalid": self.invalid,
            "unfit": self.unfit,
            "accuracy": self.accuracy,
            "near_chance": self.near_chance(class_count),
        }


def predict_and_score(
    logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the prediction and the cross-entropy loss of each sample.

    Parameters
    ----------
    logits : ndarray, dims (sample, class_)
    labels : ndarray of int64, dims (sample,)
        −1 is unlabelled.

    Returns
    -------
    prediction : ndarray of int64, dims (sample,)
        −1 where a logit is NaN or +inf, or all are −inf: class 0 would be a lie.
    loss : ndarray of float32, dims (sample,)
        NaN there, and where the label is none of the network's outputs.
    """
    exact = logits.astype(np.float64)
    top = exact.max(axis=1)
    valid = np.isfinite(top)
    exact[~valid], top[~valid] = 0, 0
    prediction = np.where(valid, exact.argmax(axis=1), UNLABELLED)
    fit = valid & (labels >= 0) & (labels < logits.shape[1])
    given = exact[np.arange(len(exact)), np.where(fit, labels, 0)]
    loss = top + np.log(np.exp(exact - top[:, None]).sum(axis=1)) - given
    return prediction, np.where(fit, loss, np.nan).astype(np.float32)
