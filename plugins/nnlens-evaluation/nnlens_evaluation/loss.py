"""Samples by loss, and every class' mean loss and accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_evaluation.labels import Scored, scored


class Loss(Analysis):
    """Rank samples by their loss, and average it over every class.

    Answers "where is the network most surprised by the label?"; misleads about the network where the label is wrong,
    and about both on the samples that it was trained on.
    """

    title = "Loss"
    requires = {
        "loss": ("sample",),
        "label": ("sample",),
        "prediction": ("sample",),
        "logit": ("sample", "class_"),
    }
    provides = {
        "order": ("rank",),
        "class_loss": ("class_",),
        "class_accuracy": ("class_",),
        "class_size": ("class_",),
    }

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one sort."""
        return 0.01 + sizes.get("sample", 0) * 2e-7

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:  # noqa: ARG002 - one sort has no steps
        """Rank the samples that have a loss; classes without samples get NaN."""
        known = scored(data)
        loss = data["loss"].to_numpy().astype(np.float64)
        ids = data["sample"].to_numpy().astype(np.int64)
        usable = known.usable & ~np.isnan(loss)
        correct = known.label == known.prediction
        label, classes = known.label[usable], known.classes
        return xr.Dataset(
            {
                "order": ("rank", ranked(ids[usable], loss[usable])),
                "class_loss": ("class_", class_means(loss[usable], label, classes)),
                "class_accuracy": ("class_", class_means(correct[usable].astype(np.float64), label, classes)),
                "class_size": ("class_", np.bincount(label, minlength=classes)),
            },
            attrs={
                "caption": f"{_said(loss[usable], known)} · {known.words()}",
                "left_out": int((~usable).sum()),
                **known.facts(),
            },
        )


def ranked(ids: NDArray[np.int64], loss: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the ids from the highest loss to the lowest; equal losses by id."""
    return ids[np.lexsort((ids, -loss))]


def class_means(values: NDArray[np.float64], label: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return the mean of the values over the samples of each label; NaN for a class without any."""
    totals = np.bincount(label, weights=values, minlength=classes)
    counts = np.bincount(label, minlength=classes)
    return np.divide(totals, counts, out=np.full(classes, np.nan), where=counts > 0)


def _said(loss: NDArray[np.float64], known: Scored) -> str:
    if not len(loss):
        return "nothing to score"
    spread = "all losses equal" if loss.min() == loss.max() else f"mean loss {loss.mean():.3g}"
    return f"{spread} · accuracy {known.accuracy():.4f}"
