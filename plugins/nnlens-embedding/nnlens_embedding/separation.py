"""How well a layer tells the classes apart: whether a sample's neighbors have its label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context, Need
from nnlens.errors import AnalysisError
from nnlens_embedding.inputs import graph_of, positions_of
from nnlens_embedding.scores import vote
from nnlens_embedding.text import caption, count, samples_used


class ClassSeparation(Analysis):
    """Measure how well a layer separates the classes, as the accuracy of a vote among nearest neighbors.

    Answers "where in the network do the classes come apart?"; misleads where one class is most of the data: voting for
    it is right that often too. Each sample is asked, itself left out; equally common labels give the smallest.
    """

    title = "Class separation"
    requires = {"neighbor": ("sample", "rank"), "label": ("sample",)}
    provides = {"separation": ()}

    k = param.Integer(5, bounds=(1, 90), label="Neighbors", doc="Neighbors that vote.")

    def needs(self) -> Mapping[str, Need]:
        """Vote in the graph that maps of the layer are made from, so that it is searched once."""
        return graph_of(self.k, 50)

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: one pass over the graph."""
        return 0.02 + sizes.get("sample", 0) * self.k * 1e-7

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:  # noqa: ARG002 - one pass has no steps
        """Ask every sample with a label that has neighbors."""
        label = data["label"].to_numpy().astype(np.int64)
        ids = data["sample"].to_numpy().astype(np.int64)
        near = positions_of(ids, data["neighbor"].to_numpy().astype(np.int64)[:, : self.k])
        asked = label >= 0
        if not asked.any() or not near.size:
            raise AnalysisError(
                "No sample has a label and a neighbor, so there are no classes to tell apart.",
                "Capture a data set with labels.",
            )
        right = vote(label, near[asked]) == label[asked]
        left_out = int(data["neighbor"].attrs.get("left_out", 0)) + int((~asked).sum())
        return xr.Dataset(
            {"separation": ((), float(right.mean()), {"short_name": f"{near.shape[1]}-NN"})},
            attrs={
                "caption": caption(
                    f"{count(near.shape[1], 'neighbor')} vote",
                    str(data["neighbor"].attrs.get("space", "")),
                    samples_used(int(asked.sum()), left_out),
                ),
                "k": near.shape[1],
                "left_out": left_out,
            },
        )
