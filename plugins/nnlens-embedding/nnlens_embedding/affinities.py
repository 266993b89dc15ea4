"""Affinities of t-SNE from a neighbor graph that exists already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens_embedding.rows import Float
from nnlens_embedding.work import thread_count


@dataclass(frozen=True)
class Affinities:
    """How strongly samples attract each other.

    Attributes
    ----------
    matrix : csr_matrix (sample, sample), float64
        Symmetric, of sum 1.
    perplexity : float
        As used: at most a third of the neighbors.
    """

    matrix: Any
    perplexity: float

    def entropy_term(self) -> float:
        """Return Σ p log p."""
        values = self.matrix.data[self.matrix.data > 0]
        return float(np.sum(values * np.log(values)))


def affinities_from(position: NDArray[np.int64], distance: Float, perplexity: float) -> Affinities:
    """Turn neighbors into affinities of the given perplexity, clamped to a third of the neighbors.

    Parameters
    ----------
    position : ndarray, dims (sample, rank)
        Rows of the neighbors, nearest first.
    distance : ndarray, dims (sample, rank)
    perplexity : float
    """
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    neighbors = position.shape[1]
    used = max(1.0, min(float(perplexity), neighbors / 3))
    k = min(neighbors, int(np.ceil(3 * used)))
    unit = _typical(distance[:, :k])
    graph = PrecomputedNeighbors(position[:, :k], distance[:, :k] / unit)
    made = PerplexityBasedNN(perplexity=min(used, k), knn_index=graph, n_jobs=thread_count())
    matrix = made.P.tocsr()
    matrix.sort_indices()
    return Affinities(matrix, used)


def _typical(distance: Float) -> np.float32:
    """Return a length to measure distances in, so that the search for the bandwidth starts near its end."""
    positive = distance[distance > 0]
    return np.float32(np.median(positive.astype(np.float64))) if len(positive) else np.float32(1)
