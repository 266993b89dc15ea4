"""openTSNE as an engine: the reference that ours is measured against."""

from __future__ import annotations

import numpy as np

from nnlens_embedding.affinities import Affinities
from nnlens_embedding.layout import Layout, Schedule, Watch, divergence_of
from nnlens_embedding.rows import Float
from nnlens_embedding.work import thread_count


def optimize(affinities: Affinities, start: Float, schedule: Schedule, watch: Watch) -> Layout:
    """Lay samples out with openTSNE; see `nnlens_embedding.layout.optimize` for the parameters.

    References
    ----------
    .. [1] Poličar, Stražar, Zupan, openTSNE: a modular Python library for t-SNE, 2024, doi 10.18637/jss.v109.i03.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities
    from openTSNE.tsne import OptimizationInterrupt

    weights = PrecomputedAffinities(affinities.matrix.copy(), normalize=False)  # it scales them in place
    flat = start.shape[1] == 2
    # what fills space is pushed apart by its tree: the grid has a plane or a line only
    placed = TSNEEmbedding(
        start.astype(np.float64),
        weights,
        n_jobs=thread_count(),
        random_state=0,
        negative_gradient_method="fft" if flat else "bh",
    )
    reached = [0]

    def callback(before: int) -> object:
        def call(iteration: int, divergence: float, positions: Float) -> bool:
            reached[0] = before + iteration
            return watch(reached[0], float(divergence), np.asarray(positions, np.float32))

        return call

    phases = ((schedule.early, schedule.exaggeration, 0), (schedule.iterations, 1.0, schedule.early))
    try:
        for iterations, exaggeration, before in phases:
            placed.optimize(
                iterations,
                inplace=True,
                propagate_exception=True,
                exaggeration=exaggeration,
                learning_rate=schedule.rate(len(start), exaggeration),
                momentum=schedule.momentum,
                callbacks=callback(before),
                callbacks_every_iters=schedule.every,
            )
        reached[0], told = schedule.total, placed.kl_divergence
    except OptimizationInterrupt as stop:  # the map that it holds knows no divergence
        placed, told = stop.final_embedding, stop.error
    positions = np.asarray(placed, np.float32)
    divergence = divergence_of(affinities, positions) if flat else float(told)
    return Layout(positions, divergence, reached[0])
