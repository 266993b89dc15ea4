"""How much of the data's neighborhoods a map keeps; exact for the samples that are probed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nnlens_embedding.crew import Crew, kernel
from nnlens_embedding.rows import Float
from nnlens_embedding.work import Tick, silent, thread_count

Double = NDArray[np.float64]
Positions = NDArray[np.int64]

BATCH = 256
"""Probes whose distances to all samples stand in memory together."""
BLOCK = 8192
"""Samples that are turned to float64 together: the whole layer in float64 may not fit."""


def map_neighbors(projection: Double, probes: Positions, k: int) -> Positions:
    """Return the `k` nearest other samples on the map (probe, rank), nearest first."""
    found = cKDTree(projection).query(projection[probes], k + 1, workers=thread_count())[1]
    return without_self(found, probes)


def without_self(found: Positions, probes: Positions) -> Positions:
    """Drop each probe from its own neighbors (probe, rank) by its position, or else the farthest one.

    By position and not by rank: among equal samples the probe need not come first, or come at all.
    """
    own = found == probes[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(found), -1)


def score_neighborhoods(
    embedding: Float, probes: Positions, near: Positions, tick: Tick = silent
) -> tuple[float, float]:
    """Return trustworthiness and the share of nearest neighbors kept.

    Parameters
    ----------
    embedding : ndarray, dims (sample, unit)
        Centered, so that near-equal distances are told apart.
    probes : ndarray, dims (probe,)
        Positions of the samples that are asked.
    near : ndarray, dims (probe, rank)
        Their nearest neighbors on the map.
    tick : callable
        Told (probes done, probes).

    References
    ----------
    .. [1] Venna, Kaski, Neighborhood preservation in nonlinear projection methods, 2001, doi 10.1007/3-540-44668-0_68.
    """
    samples, k = len(embedding), near.shape[1]
    intruding, kept = np.empty(len(probes)), np.empty(len(probes))
    with Crew(thread_count()) as crew:
        for start in range(0, len(probes), BATCH):
            tick(start, len(probes))
            part = slice(start, start + BATCH)
            distance = _distances(embedding, probes[part])
            crew.run(
                count_ranks, len(distance), distance, probes[part], near[part], intruding[part], kept[part]
            )
    worst = k * (2 * samples - 3 * k - 1) / 2
    return float(1 - intruding.mean() / worst), float(kept.mean() / k)


def _distances(embedding: Float, probes: Positions) -> Double:
    """Return (probe, sample) squared distances, less the probe's own square, which changes no order."""
    asked = -2 * embedding[probes].astype(np.float64)
    out = np.empty((len(probes), len(embedding)))
    for start in range(0, len(embedding), BLOCK):
        block = embedding[start : start + BLOCK].astype(np.float64)
        np.matmul(asked, block.T, out=out[:, start : start + BLOCK])
        out[:, start : start + BLOCK] += np.einsum("ij,ij->i", block, block)
    return out


@kernel
def count_ranks(
    start: int, stop: int, distance: Any, probes: Any, near: Any, intruding: Any, kept: Any
) -> None:
    """For each probe sum how far beyond the k nearest its map neighbors lie, and count those within."""
    k = near.shape[1]
    for row in range(start, stop):
        beyond, inside = 0, 0
        for place in range(k):
            limit, rank = distance[row, near[row, place]], 1
            for other in range(distance.shape[1]):
                rank += distance[row, other] < limit and other != probes[row]
            beyond += max(0, rank - k)
            inside += rank <= k
        intruding[row], kept[row] = beyond, inside


def vote(label: NDArray[np.int64], near: Positions) -> NDArray[np.int64]:
    """Return the commonest label among the neighbors (probe, rank), of equally common ones the smallest.

    Samples without a label (-1) do not vote; -1 where nobody does.
    """
    given = label[near]
    classes = int(label.max()) + 2
    places = (given + 1) + classes * np.arange(len(given))[:, None]
    votes = np.bincount(places.ravel(), minlength=len(given) * classes).reshape(len(given), classes)[:, 1:]
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
