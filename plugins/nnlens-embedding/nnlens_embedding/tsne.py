"""t-SNE on the shared neighbor graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Analysis, Context, Need
from nnlens.errors import JobCancelledError
from nnlens_embedding import layout, opentsne
from nnlens_embedding.affinities import Affinities, affinities_from
from nnlens_embedding.inputs import STARTS, Neighborhoods, graph_of, neighborhoods, small_start
from nnlens_embedding.layout import Layout, Schedule, Watch
from nnlens_embedding.rows import Float
from nnlens_embedding.text import caption
from nnlens_embedding.work import thread_count

ENGINES = {"fft": layout.optimize, "openTSNE": opentsne.optimize}
SECONDS = {"fft": 3.6e-7, "openTSNE": 2.6e-6}
"""For an iteration, a sample and one thread, measured at 60,000 samples."""
TREE_SECONDS = 2.2e-6
"""For an iteration, a sample, a doubling of the samples and one thread, of a map of three components."""


class TSNE(Analysis):
    """Place samples on a plane so that neighbors stay neighbors.

    Answers "which samples are alike to the network?"; misleads about distances between groups and about their sizes.
    """

    title = "t-SNE"
    requires = {
        "embedding": ("sample", "unit"),
        "neighbor": ("sample", "rank"),
        "distance": ("sample", "rank"),
    }
    provides = {"projection": ("sample", "component")}
    axes = "dimensions"
    priority = 20

    dimensions = param.Selector(
        default=2,
        objects=[2, 3],
        doc="Components of the map; one of three can be turned. openTSNE's tree lays it out, which takes .3 s an"
        " iteration for 10,000 samples.",
    )
    perplexity = param.Number(
        30, bounds=(2, 500), doc="Effective number of neighbors that each sample attends to."
    )
    iterations = param.Integer(
        500,
        bounds=(1, 20_000),
        precedence=10,
        doc="Iterations after the early ones; more spread the map further.",
    )
    early_iterations = param.Integer(
        100,
        bounds=(0, 5000),
        precedence=10,
        doc="First iterations, in which attraction is 12 times as strong.",
    )
    learning_rate = param.Number(
        0, bounds=(0, None), precedence=10, doc="Step size; 0 is the number of samples by the exaggeration."
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
    engine = param.Selector(
        default="fft",
        objects=list(ENGINES),
        precedence=10,
        doc="nnlens' own engine (fft), or openTSNE, which takes several times as long to the same divergence.",
    )

    def needs(self) -> Mapping[str, Need]:
        """Ask for three neighbors for each unit of perplexity, beyond which affinities vanish."""
        return graph_of(int(np.ceil(3 * self.perplexity)), self.components)

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds of affinities and iterations; the graph is counted by its own analysis."""
        samples = sizes.get("sample", 0)
        speed = samples * self._pace(samples) * (0.3 + self.perplexity / 43)
        return (
            2.5 + samples * 2e-5 + (self.iterations + self.early_iterations) * speed / min(2, thread_count())
        )

    def _pace(self, samples: int) -> float:
        return SECONDS[self.engine] if self.dimensions == 2 else TREE_SECONDS * np.log2(max(samples, 2))

    @property
    def _used_engine(self) -> str:
        """The engine: ours fills a plane only."""
        return self.engine if self.dimensions == 2 else "openTSNE"

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Lay out all samples of the graph; stopping keeps the map as far as it is."""
        graph = neighborhoods(data)
        schedule = Schedule(self.early_iterations, self.iterations, learning_rate=self.learning_rate or None)
        start = small_start(data, self.start, context, self.dimensions)
        if len(start) == 1:
            return self._result(graph, Layout(np.zeros_like(start), 0.0, 0), 0.0, schedule)
        context.partial(self._result(graph, Layout(start, float("nan"), 0), self.perplexity, schedule))
        context.progress(0, schedule.total, "weighing neighbors")
        affinities = affinities_from(graph.position, graph.distance, self.perplexity)
        watch = self._watch(graph, affinities, schedule, context)
        made = ENGINES[self._used_engine](affinities, start, schedule, watch)
        return self._result(graph, made, affinities.perplexity, schedule)

    def _watch(
        self, graph: Neighborhoods, affinities: Affinities, schedule: Schedule, context: Context
    ) -> Watch:
        """Return what the engine calls between iterations."""

        def watch(done: int, divergence: float, positions: Float) -> bool:
            if context.cancelled:
                raise JobCancelledError("Cancelled while placing samples.")
            context.progress(
                done, schedule.total, f"iteration {done:,} of {schedule.total:,}, KL {divergence:.3f}"
            )
            so_far = Layout(positions, divergence, done)
            context.partial(self._result(graph, so_far, affinities.perplexity, schedule))
            return context.stopping

        return watch

    def _result(
        self, graph: Neighborhoods, made: Layout, perplexity: float, schedule: Schedule
    ) -> xr.Dataset:
        facts = {
            "perplexity": float(perplexity),
            "iterations": made.iterations,
            "engine": self._used_engine,
            "left_out": graph.left_out,
        }
        if np.isfinite(made.divergence):
            facts["kl_divergence"] = made.divergence
        return xr.Dataset(
            {"projection": (("sample", "component"), made.positions, facts)},
            coords={"sample": graph.ids},
            attrs={
                "caption": caption(
                    f"perplexity {perplexity:.3g}{self._clamped(perplexity)}",
                    graph.words(),
                    f"{self._used_engine} engine",
                    f"KL {made.divergence:.3f}" if np.isfinite(made.divergence) else "",
                    _stopped(made, schedule),
                ),
                **facts,
            },
        )

    def _clamped(self, perplexity: float) -> str:
        return f" instead of {self.perplexity:g}" if perplexity < self.perplexity else ""


def _stopped(made: Layout, schedule: Schedule) -> str:
    whole = made.iterations >= schedule.total or len(made.positions) == 1
    return "" if whole else f"after {made.iterations:,} of {schedule.total:,} iterations"
