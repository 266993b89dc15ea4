"""What t-SNE and UMAP start from: the shared neighbor graph as positions, and a small first map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context, Need
from nnlens.errors import AnalysisError
from nnlens_embedding.linear import principal_axes, project
from nnlens_embedding.rows import Float, Rows
from nnlens_embedding.text import caption, samples_used
from nnlens_embedding.work import ticker

Start = Literal["pca", "random"]
STARTS = ("pca", "random")
SHARED = 90
"""Neighbors of the graph that every projection asks for which needs no more: it is then searched once, for 0.7 s more
than one of 15 at 60,000 samples, and serves t-SNE of any smaller perplexity and UMAP alike."""
SPREAD = 1e-4
"""Standard deviation of a start: so small that the data and not the start decides what stands near what."""


@dataclass(frozen=True)
class Neighborhoods:
    """A neighbor graph by position.

    Attributes
    ----------
    ids : ndarray, dims (sample,), int64
    position : ndarray, dims (sample, rank), int64
        Rows of the neighbors, nearest first.
    distance : ndarray, dims (sample, rank), float32
    space : str
        What distances were measured in, such as "PCA 50".
    left_out : int
        Samples that the graph does not have, because their values are not finite.
    """

    ids: NDArray[np.int64]
    position: NDArray[np.int64]
    distance: Float
    space: str
    left_out: int

    def words(self) -> str:
        """Say what the graph was made from, for a caption."""
        return caption(self.space, samples_used(len(self.ids), self.left_out))


def graph_of(neighbors: int, components: int) -> Mapping[str, Need]:
    """Ask for a neighbor graph that has at least so many neighbors, and that others are likely to ask for too."""
    return {"neighbor": Need({"k": max(SHARED, neighbors), "components": components})}


def neighborhoods(data: xr.Dataset) -> Neighborhoods:
    """Read ``neighbor`` and ``distance``.

    Raises
    ------
    AnalysisError
        If a neighbor is none of the samples, or if all distances are zero.
    """
    ids = data["sample"].to_numpy().astype(np.int64)
    distance = data["distance"].to_numpy().astype(np.float32)
    if len(ids) > 1 and not distance.any():
        raise AnalysisError(
            f"The {len(ids):,} samples have the same values here, so no map can tell them apart.",
            "Choose another layer.",
        )
    facts = data["neighbor"].attrs
    return Neighborhoods(
        ids,
        positions_of(ids, data["neighbor"].to_numpy().astype(np.int64)),
        distance,
        str(facts.get("space", "")),
        int(facts.get("left_out", 0)),
    )


def positions_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn ids of any shape into positions within `ids`.

    Raises
    ------
    AnalysisError
        If one is not among them.
    """
    if not wanted.size:
        return np.empty(wanted.shape, np.int64)
    order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    position = order[place]
    if not np.array_equal(ids[position], wanted):
        raise AnalysisError(
            "The neighbors were searched among other samples than those to be placed.",
            "Search them again for these samples.",
        )
    return position


def small_start(data: xr.Dataset, kind: Start, context: Context, axes: int = 2) -> Float:
    """Return a first map (sample, component) of two or three components and small spread.

    From the principal components where they exist; a component without variance, as of a layer with one unit or of
    equal samples, is filled with noise, since a map that starts on a line stays on it.
    """
    samples = data.sizes["sample"]
    start = context.rng.standard_normal((samples, axes))
    if kind == "pca":
        rows = Rows(data["embedding"], tick=ticker(context, "reading the layer"))
        basis = principal_axes(rows, axes, context.rng, ticker(context, "finding directions"))
        found = len(basis.axes)
        if found:
            scores = project(rows, basis)
            finite = np.isin(data["sample"].to_numpy(), rows.ids)
            start[finite, :found] = scores / max(float(scores[:, 0].std()), 1e-30)
    return (start * SPREAD).astype(np.float32)
