"""Nearest neighbors by Euclidean distance: exact by default, a graph search past a hundred thousand samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from nnlens_embedding.crew import Crew, kernel
from nnlens_embedding.rows import Float
from nnlens_embedding.work import Tick, silent, thread_count

EXACT_LIMIT = 100_000
QUERIES = 8192
SLACK = 4
"""Candidates more than asked for: the search ranks by |x|² + |y|² − 2xy in float32, which confuses near-equal ones."""
PROBES = 500


@dataclass(frozen=True)
class Graph:
    """The nearest neighbors of every row.

    Attributes
    ----------
    position : ndarray, dims (sample, rank), int64
        Rows, nearest first, equally near ones by position; never the row itself.
    distance : ndarray, dims (sample, rank), float32
    recall : float
        The share of the true neighbors that are found; 1 for the exact search.
    """

    position: NDArray[np.int64]
    distance: Float
    recall: float = 1.0


def nearest(values: Float, k: int, exact: bool | None = None, tick: Tick = silent) -> Graph:
    """Find the `k` nearest other rows of every row; as many as there are where there are fewer.

    Parameters
    ----------
    values : ndarray, dims (sample, unit), float32
        Centered, of about unit scale.
    k : int
    exact : bool, optional
        None is exact up to `EXACT_LIMIT` rows.
    tick : callable
        Told (rows done, rows).
    """
    k = min(k, len(values) - 1)
    if k < 1:
        return Graph(np.empty((len(values), 0), np.int64), np.empty((len(values), 0), np.float32))
    values = np.ascontiguousarray(values, np.float32)
    exact = len(values) <= EXACT_LIMIT if exact is None else exact
    index = faiss.IndexFlatL2(values.shape[1]) if exact else _graph_index(values.shape[1], k)
    faiss.omp_set_num_threads(thread_count())
    index.add(values)
    position, distance = _search(index, values, k, tick)
    return Graph(position, distance, 1.0 if exact else _recall(values, position))


def _graph_index(units: int, k: int) -> Any:
    index = faiss.IndexHNSWFlat(units, 32)
    index.hnsw.efConstruction = 80
    index.hnsw.efSearch = max(64, 2 * k)
    return index


def _search(index: Any, values: Float, k: int, tick: Tick) -> tuple[NDArray[np.int64], Float]:
    rows = len(values)
    position, distance = np.empty((rows, k), np.int64), np.empty((rows, k), np.float32)
    wanted = min(rows, k + 1 + SLACK)
    with Crew(thread_count()) as crew:
        for start in range(0, rows, QUERIES):
            tick(start, rows)
            part = slice(start, min(rows, start + QUERIES))
            found = index.search(values[part], wanted)[1]
            crew.run(rank, part.stop - start, start, values, found, position, distance)
    return position, distance


@kernel
def rank(start: int, stop: int, offset: int, values: Any, found: Any, position: Any, distance: Any) -> None:
    """Order what was found by true distance, then position, and leave out the row itself by its position.

    By position and not by rank: of equal rows any may come first.
    """
    k = position.shape[1]
    for query in range(start, stop):
        row, filled = offset + query, 0
        for candidate in found[query]:
            if candidate == row or candidate < 0:
                continue
            total = np.float32(0)
            for unit in range(values.shape[1]):
                step = values[row, unit] - values[candidate, unit]
                total += step * step
            length = np.sqrt(total)
            place = filled
            while place > 0 and (
                distance[row, place - 1] > length
                or (distance[row, place - 1] == length and position[row, place - 1] > candidate)
            ):
                place -= 1
            if place == k:
                continue
            filled = min(filled + 1, k)
            for other in range(filled - 1, place, -1):
                distance[row, other], position[row, other] = (
                    distance[row, other - 1],
                    position[row, other - 1],
                )
            distance[row, place], position[row, place] = length, candidate


def _recall(values: Float, position: NDArray[np.int64]) -> float:
    """Compare some rows with the exact search."""
    probes = np.linspace(0, len(values) - 1, min(PROBES, len(values))).astype(np.int64)
    index = faiss.IndexFlatL2(values.shape[1])
    index.add(values)
    truth = index.search(values[probes], position.shape[1] + 1)[1]
    hits = sum(len(np.intersect1d(truth[i], position[row])) for i, row in enumerate(probes))
    return min(1.0, hits / position[probes].size)
