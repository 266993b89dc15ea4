"""Our t-SNE engine: float32, one potential for all repulsion, a few threads, the same numbers for any number of them.

On 60,000 samples an iteration takes a sixth of openTSNE's time, and ends at the same divergence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from nnlens_embedding import kernels
from nnlens_embedding.affinities import Affinities
from nnlens_embedding.crew import Crew
from nnlens_embedding.grid import Grid, grid_for
from nnlens_embedding.rows import Float
from nnlens_embedding.work import thread_count

Watch = Callable[[int, float, Float], bool]
"""Called with (iterations done, divergence, positions (sample, component)); True ends the optimization."""

REORDER = (30, 100, 200)
"""Iterations after which the points are renumbered along the map: neighbors then share cache lines."""
CELLS = 1024
EXACT = 4096
"""Up to so many points all pairs are summed, which is then as fast as the grid, and as exact as float32."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to move.

    Attributes
    ----------
    early, iterations : int
        Iterations with exaggerated attraction, and after them.
    exaggeration : float
    learning_rate : float or None
        None is the number of samples by the exaggeration, of Belkina et al., 2019.
    momentum : float
    every : int
        Iterations after which the watcher may be called.
    pause : float
        Seconds that lie at least between two calls.
    """

    early: int = 100
    iterations: int = 500
    exaggeration: float = 12.0
    learning_rate: float | None = None
    momentum: float = 0.8
    every: int = 5
    pause: float = 0.4

    @property
    def total(self) -> int:
        """All iterations."""
        return self.early + self.iterations

    def rate(self, samples: int, exaggeration: float) -> float:
        """Return the learning rate of a phase."""
        return self.learning_rate if self.learning_rate else samples / exaggeration


@dataclass(frozen=True)
class Layout:
    """A finished or stopped map.

    Attributes
    ----------
    positions : ndarray, dims (sample, component), float32
    divergence : float
        Kullback–Leibler divergence of the map's affinities from the data's, in nats.
    iterations : int
        Done.
    """

    positions: Float
    divergence: float
    iterations: int


def optimize(affinities: Affinities, start: Float, schedule: Schedule, watch: Watch) -> Layout:
    """Lay samples out so that near ones stay near.

    Parameters
    ----------
    affinities : Affinities
    start : ndarray, dims (sample, component)
        Of small spread, such as .0001.
    schedule : Schedule
    watch : callable
        See `Watch`.
    """
    engine, told = Engine(affinities, start, thread_count()), perf_counter()
    try:
        for done in range(schedule.total):
            if done % schedule.every == 0 and perf_counter() - told >= schedule.pause:
                if watch(done, engine.divergence(), engine.positions()):
                    return Layout(engine.positions(), engine.divergence(), done)
                told = perf_counter()
            exaggeration = schedule.exaggeration if done < schedule.early else 1.0
            engine.move(exaggeration, schedule.rate(len(start), exaggeration), schedule.momentum)
            if done in REORDER:
                engine.reorder()
        return Layout(engine.positions(), engine.divergence(), schedule.total)
    finally:
        engine.close()


def divergence_of(affinities: Affinities, positions: Float) -> float:
    """Return the Kullback–Leibler divergence of a finished map, whichever engine made it."""
    engine = Engine(affinities, positions, thread_count())
    try:
        return engine.divergence()
    finally:
        engine.close()


class Engine:
    """Positions, speeds and edges of one optimization.

    Parameters
    ----------
    affinities : Affinities
    start : ndarray, dims (sample, component)
    threads : int
    """

    def __init__(self, affinities: Affinities, start: Float, threads: int) -> None:
        matrix, samples = affinities.matrix, len(start)
        self.samples, self.crew, self._entropy = samples, Crew(threads), affinities.entropy_term()
        self._first = matrix.indptr.astype(np.int64)
        self._other = matrix.indices.astype(np.uint32)
        self._weight = matrix.data.astype(np.float32)
        self._order = np.arange(samples)
        self._position = np.ascontiguousarray(start.T, dtype=np.float32)
        self._speed, self._gain = np.zeros((2, samples), np.float32), np.ones((2, samples), np.float32)
        self._pull, self._push = np.empty((2, samples), np.float32), np.empty((2, samples), np.float32)
        self._near = np.empty(samples, np.float32)
        self._grid: Grid | None = None

    def positions(self) -> Float:
        """Return the centered map in the order of the samples."""
        out = np.empty((self.samples, 2), np.float32)
        out[self._order] = (self._position - self._position.mean(axis=1, keepdims=True)).T
        return out

    def divergence(self) -> float:
        """Return the Kullback–Leibler divergence of the current map."""
        z = self._repel()
        x, y = self._position
        parts = self.crew.run(
            kernels.log_distances, self.samples, x, y, self._first, self._other, self._weight
        )
        return float(self._entropy + sum(parts) + np.log(max(z, 1e-300)))

    def move(self, exaggeration: float, rate: float, momentum: float, longest: float = 5.0) -> None:
        """Make one step of gradient descent."""
        z = self._repel()
        x, y = self._position
        edges = (self._first, self._other, self._weight)
        self.crew.run(kernels.attract, self.samples, x, y, *edges, self._pull[0], self._pull[1])
        numbers = (
            np.float32(number) for number in (exaggeration, 1 / max(z, 1e-30), rate, momentum, longest)
        )
        arrays = (self._position, self._pull, self._push, self._speed, self._gain)
        self.crew.run(kernels.step, self.samples, *arrays, *numbers)

    def reorder(self) -> None:
        """Renumber the points along a curve through the map; the result does not depend on it beyond rounding."""
        low = self._position.min(axis=1, keepdims=True)
        span = max(float((self._position - low).max()), 1e-30)
        cells = ((self._position - low) * np.float32((CELLS - 1) / span)).astype(np.int64)
        key = np.empty(self.samples, np.int64)
        self.crew.run(kernels.hilbert, self.samples, cells[0], cells[1], CELLS, key)
        order = np.argsort(key, kind="stable")
        place = np.empty(self.samples, np.uint32)
        place[order] = np.arange(self.samples, dtype=np.uint32)
        first = np.concatenate([[0], np.cumsum(np.diff(self._first)[order])])
        other, weight = np.empty_like(self._other), np.empty_like(self._weight)
        edges = (self._first, self._other, self._weight)
        self.crew.run(kernels.permute, self.samples, order, place, *edges, first, other, weight)
        self._first, self._other, self._weight = first, other, weight
        self._order = self._order[order]
        self._position, self._speed, self._gain = (
            np.ascontiguousarray(array[:, order]) for array in (self._position, self._speed, self._gain)
        )

    def close(self) -> None:
        """End the threads."""
        self.crew.close()

    def _repel(self) -> float:
        """Fill the push of every point, and return Z, the sum of 1/(1+d²) over all pairs."""
        x, y = self._position
        out = (self._push[0], self._push[1], self._near)
        if self.samples <= EXACT:
            self.crew.run(kernels.repel, self.samples, x, y, *out)
            return float(self._near.sum(dtype=np.float64)) - self.samples
        low = self._position.min(axis=1)
        span = float((self._position.max(axis=1) - low).max())
        self._grid = grid_for(span, self.samples, self._grid)
        corner = low - np.float32(2 * self._grid.spacing)
        per_unit = np.float32(1 / self._grid.spacing)
        points = np.zeros((self._grid.nodes, self._grid.nodes), np.float32)
        kernels.spread(0, self.samples, x, y, corner, per_unit, points)
        field = self._grid.potential(points, self.crew.threads)
        self.crew.run(kernels.gather, self.samples, x, y, corner, per_unit, field, *out)
        self._push -= self._push.mean(
            axis=1, keepdims=True
        )  # action equals reaction; what is left over is the grid's
        return float(self._near.sum(dtype=np.float64)) - self.samples
