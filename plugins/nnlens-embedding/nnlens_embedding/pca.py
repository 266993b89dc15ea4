"""Principal component analysis: the fastest honest map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens_embedding.linear import principal_axes, project
from nnlens_embedding.rows import Rows
from nnlens_embedding.text import caption, samples_used
from nnlens_embedding.work import ticker


class PCA(Analysis):
    """Place samples along the directions in which they vary most.

    Answers "what is the coarse shape of this layer?"; misleads where the variance stands in many directions: see the
    share that the caption tells.
    """

    title = "PCA"
    requires = {"embedding": ("sample", "unit")}
    provides = {"projection": ("sample", "component"), "explained_variance_ratio": ("component",)}
    axes = "components"
    priority = 0

    components = param.Integer(2, bounds=(1, 100), precedence=10, doc="Number of directions to keep.")

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: three passes over the values, measured at 60,000 × 84 and × 4,096."""
        samples, units = sizes.get("sample", 0), sizes.get("unit", 1)
        return 0.05 + samples * units * 1.2e-8 + min(units, 1024) ** 2 * samples * 1.5e-11

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Project the finite samples; directions beyond the rank of the data are zero."""
        rows = Rows(data["embedding"], tick=ticker(context, "reading the layer"))
        basis = principal_axes(rows, self.components, context.rng, ticker(context, "finding directions"))
        found = len(basis.axes)
        projection = np.zeros((len(rows), self.components), np.float32)
        projection[:, :found] = rows.restored(project(rows, basis))
        ratio = np.zeros(self.components)
        ratio[:found] = basis.ratio
        kept = f"{ratio.sum():.0%} of the variance" if found else "no variance"
        return xr.Dataset(
            {
                "projection": (("sample", "component"), projection, {"left_out": rows.left_out}),
                "explained_variance_ratio": ("component", ratio),
            },
            coords={"sample": rows.ids},
            attrs={
                "caption": caption(kept, samples_used(len(rows), rows.left_out)),
                "left_out": rows.left_out,
                "kept_variance": float(ratio.sum()),
            },
        )
