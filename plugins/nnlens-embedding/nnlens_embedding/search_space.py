"""A space to look for similar samples in, and how one that comes later gets there."""

from __future__ import annotations

from collections.abc import Mapping

import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens_embedding.linear import principal_axes, project
from nnlens_embedding.rows import Rows
from nnlens_embedding.text import caption, samples_used
from nnlens_embedding.work import ticker


class SearchSpace(Analysis):
    """Place samples in the principal components of a layer, so that what is near to any vector is found at once.

    Answers "which samples are like this one?", also for a picture that the run does not have: ``(x − center) · axis``
    brings its pooled channels into the same space. Misleads in layers where a few large units decide the distance.
    """

    title = "Search space"
    priority = -2
    requires = {"pooled": ("sample", "channel")}
    provides = {
        "vector": ("sample", "component"),
        "axis": ("component", "channel"),
        "center": ("channel",),
    }

    components = param.Integer(
        50, bounds=(1, 1000), doc="Principal components that distances are measured in."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: three passes over the values, as of PCA."""
        samples, units = sizes.get("sample", 0), sizes.get("channel", sizes.get("unit", 1))
        return 0.1 + samples * units * 1.2e-8 + min(units, 1024) ** 2 * samples * 1.5e-11

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Find the axes among the finite samples, and project them."""
        rows = Rows(data["pooled"], tick=ticker(context, "reading the layer"))
        basis = principal_axes(rows, self.components, context.rng, ticker(context, "finding directions"))
        found = len(basis.axes)
        return xr.Dataset(
            {
                "vector": (("sample", "component"), rows.restored(project(rows, basis))),
                "axis": (("component", "channel"), basis.axes),
                "center": ("channel", basis.mean * rows.scale),
            },
            coords={"sample": rows.ids},
            attrs={
                "caption": caption(f"PCA {found}", samples_used(len(rows), rows.left_out)),
                "components": found,
                "left_out": rows.left_out,
            },
        )
