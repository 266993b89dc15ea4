"""How often each class is taken for each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_evaluation.labels import scored


class Confusion(Analysis):
    """Count how many samples of each label get each prediction.

    Answers "which classes does the network mix up?"; misleads where classes differ much in size: compare
    rows, not cells.
    """

    title = "Confusion"
    requires = {"label": ("sample",), "prediction": ("sample",), "logit": ("sample", "class_")}
    provides = {"confusion": ("label_", "class_")}

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass."""
        return 0.01 + sizes.get("sample", 0) * 2e-8

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:  # noqa: ARG002 - one pass has no steps
        """Count the samples that have a label and a prediction."""
        known = scored(data)
        counts = confusion_counts(known.label[known.usable], known.prediction[known.usable], known.classes)
        wrong = int(counts.sum() - np.trace(counts))
        said = (
            f"accuracy {known.accuracy():.4f} · {wrong:,} wrong" if known.usable.any() else "nothing to count"
        )
        return xr.Dataset(
            {"confusion": (("label_", "class_"), counts)},
            attrs={
                "caption": f"{said} · {known.words()}",
                **known.facts(),
                "left_out": known.left_out,
            },
        )


def confusion_counts(
    label: NDArray[np.int64], prediction: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return the counts (label_, class_): rows are labels, columns predictions."""
    return np.bincount(label * classes + prediction, minlength=classes * classes).reshape(classes, classes)
