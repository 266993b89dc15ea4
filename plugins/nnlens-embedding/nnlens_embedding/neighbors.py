"""The nearest neighbors of every sample: the graph that t-SNE, UMAP, quality and the image strip share."""

from __future__ import annotations

from collections.abc import Mapping

import param
import xarray as xr

from nnlens.analysis import Analysis, Context
from nnlens_embedding.knn import EXACT_LIMIT, nearest
from nnlens_embedding.linear import principal_axes, project
from nnlens_embedding.rows import Float, Rows
from nnlens_embedding.text import caption, count, samples_used
from nnlens_embedding.work import ticker

METHODS = {"auto": None, "exact": True, "approximate": False}


class Neighbors(Analysis):
    """Find the samples nearest to each sample.

    Answers "what does the network take for the same?"; misleads in layers where a few large units decide the distance.
    """

    title = "Nearest neighbors"
    priority = 1  # what the page's list of analyses begins with
    requires = {"embedding": ("sample", "unit")}
    provides = {"neighbor": ("sample", "rank"), "distance": ("sample", "rank")}

    k = param.Integer(15, bounds=(1, 1500), label="Neighbors", doc="Number of neighbors of each sample.")
    components = param.Integer(
        50,
        bounds=(0, 1000),
        precedence=10,
        doc="Principal components that distances are measured in; 0 is all units.",
    )
    method = param.Selector(
        default="auto",
        objects=list(METHODS),
        precedence=10,
        doc=f"Exact search, or an approximate one whose recall is told; auto is exact up to {EXACT_LIMIT:,} samples.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: 3.7 for the 90 neighbors of 60,000 × 50."""
        samples, units = sizes.get("sample", 0), sizes.get("unit", 1)
        units = min(units, self.components) if self.components else units
        pairs = samples * min(samples, EXACT_LIMIT)
        return 0.3 + pairs * (units + 100) * 6e-12 + samples * self.k * 1e-7

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Search among the finite samples; fewer than `k` others give fewer neighbors."""
        rows = Rows(data["embedding"], tick=ticker(context, "reading the layer"))
        values, space = measured_in(rows, self.components, context)
        graph = nearest(values, self.k, METHODS[self.method], ticker(context, "searching neighbors"))
        k = graph.position.shape[1]
        facts = {"k": k, "space": space, "left_out": rows.left_out, "recall": graph.recall}
        return xr.Dataset(
            {
                "neighbor": (("sample", "rank"), rows.ids[graph.position], facts),
                "distance": (("sample", "rank"), rows.restored(graph.distance)),
            },
            coords={"sample": rows.ids},
            attrs={
                "caption": caption(
                    count(k, "neighbor"),
                    space,
                    samples_used(len(rows), rows.left_out),
                    "all samples are equal" if rows.constant and len(rows) > 1 else "",
                    f"approximate, recall {graph.recall:.3f}" if graph.recall < 1 else "",
                ),
                **facts,
            },
        )


def measured_in(rows: Rows, components: int, context: Context) -> tuple[Float, str]:
    """Return the centered rows in which distances are measured, and what these are in words."""
    if 0 < components < rows.units:
        basis = principal_axes(rows, components, context.rng, ticker(context, "finding directions"))
        if len(basis.axes):
            return project(rows, basis), f"PCA {len(basis.axes)}"
    values = rows.array()
    return values - values.mean(axis=0), count(rows.units, "unit")
