"""UMAP on the shared neighbor graph."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context, Need
from nnlens_embedding.inputs import SPREAD, STARTS, Neighborhoods, graph_of, neighborhoods, small_start
from nnlens_embedding.rows import Float
from nnlens_embedding.text import caption, count
from nnlens_embedding.work import thread_count

START_SPREAD = 10.0
"""Standard deviation of the first component of a start, of the size of a finished map."""
FEWEST = 4
"""Samples below which there is no graph to speak of: the start is the map."""


class UMAP(Analysis):
    """Place samples on a plane by a fuzzy neighbor graph, in tighter groups than t-SNE.

    Answers "which groups are there?"; misleads about what lies within a group and about distances between groups. With
    a seed it runs on one thread and is reproducible.
    """

    title = "UMAP"
    requires = {
        "embedding": ("sample", "unit"),
        "neighbor": ("sample", "rank"),
        "distance": ("sample", "rank"),
    }
    provides = {"projection": ("sample", "component")}
    axes = "dimensions"
    priority = 10

    dimensions = param.Selector(
        default=2, objects=[2, 3], doc="Components of the map; one of three can be turned."
    )
    n_neighbors = param.Integer(
        15, bounds=(2, 500), label="Neighbors", doc="Neighbors of each sample; more show coarser structure."
    )
    min_dist = param.Number(
        0.1, bounds=(0, 1), label="Minimum distance", doc="Distance of the nearest on the map."
    )
    epochs = param.Integer(
        0,
        bounds=(0, 5000),
        precedence=10,
        doc="Passes over the graph; 0 is 500 up to 10,000 samples, else 200.",
    )
    components = param.Integer(
        50,
        bounds=(0, 1000),
        precedence=10,
        doc="Principal components that neighbors are searched in; 0 is all units.",
    )
    start = param.Selector(
        default="pca",
        objects=list(STARTS),
        precedence=10,
        doc="First map: the principal components, or noise.",
    )

    def needs(self) -> Mapping[str, Need]:
        """Ask for one neighbor less than `n_neighbors`, because UMAP counts the sample itself."""
        return graph_of(self.n_neighbors - 1, self.components)

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: compiling, which UMAP does in every process, and the passes on one thread."""
        samples = sizes.get("sample", 0)
        epochs = self.epochs or (500 if samples <= 10_000 else 200)
        return 14 + samples * 5e-5 + samples * self.n_neighbors * epochs * 1.6e-7

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Lay out all samples of the graph. There is no progress to tell while UMAP runs."""
        graph = neighborhoods(data)
        start = small_start(data, self.start, context, self.dimensions) * np.float32(START_SPREAD / SPREAD)
        threads = 1 if context.request.seed is not None else thread_count()
        used = min(self.n_neighbors, graph.position.shape[1] + 1)
        if len(start) < FEWEST:
            return self._result(graph, start, used, threads)
        context.partial(self._result(graph, start, used, threads))
        context.progress(0, 1, "loading UMAP")
        library = load_umap()
        threads = min(threads, most_threads())
        context.progress(0.1, 1, "placing samples; UMAP tells no progress")
        made = library.UMAP(
            n_neighbors=used,
            min_dist=self.min_dist,
            n_components=self.dimensions,
            n_epochs=self.epochs or None,
            init=start,
            precomputed_knn=with_self(graph, used),
            random_state=context.request.seed,
            n_jobs=threads,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it cannot place new samples later, which is not wanted
            positions = made.fit_transform(start)  # of what it is given it only looks at the length
        return self._result(graph, positions.astype(np.float32), used, threads)

    def _result(self, graph: Neighborhoods, positions: Float, used: int, threads: int) -> xr.Dataset:
        facts = {"n_neighbors": used, "threads": threads, "left_out": graph.left_out}
        clamped = f" instead of {self.n_neighbors}" if used < self.n_neighbors else ""
        return xr.Dataset(
            {"projection": (("sample", "component"), positions, facts)},
            coords={"sample": graph.ids},
            attrs={
                "caption": caption(
                    f"{count(used, 'neighbor')}{clamped}",
                    f"minimum distance {self.min_dist:g}",
                    graph.words(),
                    f"{count(threads, 'thread')}, not reproducible" if threads > 1 else "",
                    "too few samples, principal components shown" if len(positions) < FEWEST else "",
                ),
                **facts,
            },
        )


def load_umap() -> Any:
    """Import umap-learn without its variant on TensorFlow.

    That one costs 4 s where TensorFlow is installed, and warns where it is not.
    """
    name = "umap.parametric_umap"
    had, before = name in sys.modules, sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import umap
    finally:
        del sys.modules[name]
        if had and before is not None:
            sys.modules[name] = before
    return umap


def most_threads() -> int:
    """Return how many threads numba has begun with, in which UMAP runs: to ask it for more is an error."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def with_self(graph: Neighborhoods, used: int) -> tuple[Any, Float, None]:
    """Return neighbors and distances as UMAP wants them: the sample itself first."""
    own = np.arange(len(graph.ids))[:, None]
    position = np.hstack([own, graph.position[:, : used - 1]]).astype(np.int32)
    distance = np.hstack([np.zeros(own.shape, np.float32), graph.distance[:, : used - 1]])
    return position, distance, None
