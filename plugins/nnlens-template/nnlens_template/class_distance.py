"""Distance of each sample from the center of its class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens import Analysis, Context
from nnlens.errors import AnalysisError


class ClassDistance(Analysis):
    """Measure how far each sample lies from the center of its class.

    Answers "which samples look unlike their class to this layer?"; misleads where a class has several clusters.
    """

    title = "Distance to class center"
    requires = {"embedding": ("sample", "unit"), "label": ("sample",)}
    provides = {"class_distance": ("sample",)}

    center = param.Selector(
        default="mean",
        objects=["mean", "median"],
        doc="The center of a class: mean or median of its vectors.",
    )
    normalize = param.Boolean(
        default=True, doc="Divide by the median distance in the class, so that 1 is usual."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Return the seconds: two passes over the vectors, about 1 GB a second."""
        return 8 * sizes["sample"] * sizes["unit"] / 1e9

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Return ``class_distance``, dims (sample), float32: in the layer's own unit, or in medians of the class."""
        vectors = np.asarray(data["embedding"].values, dtype=np.float32)
        label = data["label"].values
        usable = np.isfinite(vectors).all(axis=1) & (label >= 0)
        if not usable.any():
            raise AnalysisError("No sample has a label and finite activations.", "Choose another layer.")

        distance = np.full(len(label), np.nan, dtype=np.float32)
        classes = np.unique(label[usable])
        for done, value in enumerate(classes):
            if context.cancelled:
                break
            members = np.flatnonzero(usable & (label == value))
            distance[members] = self._distances(vectors[members])
            context.progress(done + 1, len(classes), "classes")

        return xr.Dataset(
            {"class_distance": ("sample", distance[usable])},
            coords={"sample": data["sample"].values[usable]},
            attrs={"caption": f"{self.center} · {usable.sum():,} samples · {(~usable).sum():,} left out"},
        )

    def _distances(self, vectors: np.ndarray) -> np.ndarray:
        center = vectors.mean(axis=0) if self.center == "mean" else np.median(vectors, axis=0)
        distance = np.linalg.norm(vectors - center, axis=1)
        usual = np.median(distance)
        return distance / usual if self.normalize and usual > 0 else distance
