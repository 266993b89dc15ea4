"""t-SNE of 60,000 hidden vectors: our two engines against plain openTSNE, with one graph and one start in one run.

    python benchmarks/projection.py [--samples N] [--early N] [--iterations N] [--threads N] [--curve N ...]

Vectors are those before the head of the network that comes with nnlens, on Fashion-MNIST. Prints seconds of the
optimization alone, ratios to openTSNE, and quality: the divergence over all pairs of points, 10-NN kept, 2-D 10-NN
accuracy and trustworthiness on 1,500 probes. Ratios count; where other programs take part of the machine, those of
processor time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import Clock, hidden_vectors, limit_threads, table, timed

PROBES, NEIGHBORS = 1500, 10


def main() -> None:
    arguments = parse()
    limit_threads(arguments.threads)
    import numpy as np

    vectors, labels = hidden_vectors(arguments.model, arguments.data, arguments.cache)
    chosen = np.random.default_rng(0).permutation(len(vectors))[: arguments.samples]
    vectors, labels = vectors[chosen], labels[chosen]
    print(f"{len(vectors):,} × {vectors.shape[1]} vectors, {arguments.threads} thread(s)\n")
    if arguments.curve:
        curve(vectors, arguments)
    else:
        compare(vectors, labels, arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="zoo:fashion-mnist")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--cache", type=Path, help="an .npz file that keeps the vectors between runs")
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--early", type=int, default=250, help="iterations with exaggeration")
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--perplexity", type=float, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--curve", type=int, nargs="+", help="sizes: measure the growth of cost instead")
    return parser.parse_args()


def prepare(vectors, perplexity):
    """Search the graph, weigh it, and make the start; tell how long each took."""
    import numpy as np
    from nnlens_embedding.affinities import affinities_from
    from nnlens_embedding.knn import nearest

    centered = vectors - vectors.mean(0)
    axes = np.linalg.eigh(np.cov(centered, rowvar=False))[1][:, ::-1]
    values = np.ascontiguousarray(centered @ axes[:, :50], np.float32)
    warm_up(values)
    with Clock() as searching:
        graph = nearest(values, int(np.ceil(3 * perplexity)))
    with Clock() as weighing:
        affinities = affinities_from(graph.position, graph.distance, perplexity)
    print(
        f"graph of {graph.position.shape[1]} neighbors {searching.wall:.1f} s (recall {graph.recall:.4f}), "
        f"affinities {weighing.wall:.1f} s"
    )
    return values, affinities, (values[:, :2] / values[:, 0].std() * 1e-4).astype(np.float32)


def warm_up(values) -> None:
    """Import and compile, or read what was compiled before; only the first run after an installation compiles."""
    from nnlens_embedding import layout
    from nnlens_embedding.affinities import affinities_from
    from nnlens_embedding.knn import nearest

    def small():
        for points in (50, layout.EXACT + 1):  # all pairs, and the grid
            graph = nearest(values[:points], 5)
            weights = affinities_from(graph.position, graph.distance, 1.5)
            layout.optimize(weights, values[:points, :2] * 1e-4, layout.Schedule(1, 32), lambda *_: False)

    print(f"imports and compilation {timed(small)[1].wall:.1f} s")


def compare(vectors, labels, arguments) -> None:
    """Print one row for each engine."""
    import numpy as np
    from nnlens_embedding import layout, opentsne

    values, affinities, start = prepare(vectors, arguments.perplexity)
    watched(vectors)
    schedule = layout.Schedule(arguments.early, arguments.iterations)

    def silent(*_):
        return False

    engines = {
        "plain openTSNE": lambda: plain(affinities, start, arguments),
        "tsne, engine openTSNE": lambda: opentsne.optimize(affinities, start, schedule, silent).positions,
        "tsne, engine fft": lambda: layout.optimize(affinities, start, schedule, silent).positions,
    }
    rows = [
        (
            "engine",
            "s",
            "ratio",
            "processor s",
            "ratio",
            "KL",
            "10-NN kept",
            "2-D accuracy",
            "trustworthiness",
        )
    ]
    first = None
    probes = np.random.default_rng(0).permutation(len(values))[:PROBES]
    for name, work in engines.items():
        positions, clock = timed(work)
        first = first or clock
        quality = scores(values, labels, affinities, positions, probes)
        rows.append(
            (
                name,
                f"{clock.wall:.1f}",
                f"{clock.wall / first.wall:.3f}",
                f"{clock.processor:.1f}",
                f"{clock.processor / first.processor:.3f}",
                *(f"{number:.4f}" for number in quality),
            )
        )
        print(f"{name}: {clock.wall:.1f} s", flush=True)
    print(f"\n{arguments.early} + {arguments.iterations} iterations, perplexity {arguments.perplexity:g}\n")
    print(table(rows))


def watched(vectors) -> None:
    """Run the analysis as the page does, and tell when its first picture comes after the graph."""
    from time import perf_counter

    import numpy as np
    import xarray as xr
    from nnlens_embedding.neighbors import Neighbors
    from nnlens_embedding.tsne import TSNE

    from nnlens.analysis import Context, Request

    pictures = []

    class Watching(Context):
        def partial(self, dataset):
            pictures.append((perf_counter() - begun, dataset.attrs["iterations"]))

    ids = {"sample": np.arange(len(vectors))}
    data = xr.Dataset({"embedding": (("sample", "unit"), vectors)}, coords=ids)
    graph = Neighbors(k=90).compute(data, Context(Request("benchmark")))
    data = data.assign(neighbor=graph["neighbor"], distance=graph["distance"])
    begun = perf_counter()
    result = TSNE().compute(data, Watching(Request("benchmark")))
    moved = next((seconds for seconds, iterations in pictures if iterations), float("nan"))
    print(
        f"tsne with its defaults: first picture after {pictures[0][0]:.1f} s, first that moved after {moved:.1f} s, "
        f"finished after {perf_counter() - begun:.1f} s\n{result.attrs['caption']}"
    )


def plain(affinities, start, arguments):
    """Lay out with openTSNE and nothing of ours but the affinities and the start."""
    import numpy as np
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    weights = PrecomputedAffinities(affinities.matrix.copy(), normalize=False)
    placed = TSNEEmbedding(start.astype(np.float64), weights, n_jobs=arguments.threads, random_state=0)
    placed.optimize(arguments.early, exaggeration=12, momentum=0.8, inplace=True)
    placed.optimize(arguments.iterations, momentum=0.8, inplace=True)
    return np.asarray(placed, np.float32)


def scores(values, labels, affinities, positions, probes):
    """Return divergence over all pairs, 10-NN kept, 2-D accuracy and trustworthiness."""
    from unittest.mock import patch

    import numpy as np
    from nnlens_embedding import layout
    from nnlens_embedding.scores import map_neighbors, score_neighborhoods, vote

    with patch.object(layout, "EXACT", len(values)):
        divergence = layout.divergence_of(affinities, positions)
    near = map_neighbors(positions.astype(np.float64), probes, NEIGHBORS)
    trust, kept = score_neighborhoods(values.astype(np.float64), probes, near)
    return divergence, kept, float((vote(labels, near) == labels[probes]).mean()), trust


def curve(vectors, arguments) -> None:
    """Print how the cost grows; sizes beyond the data are made of it by adding noise of a tenth of its deviation."""
    import numpy as np
    from nnlens_embedding import layout

    rng = np.random.default_rng(0)
    rows = [("samples", "graph + affinities s", "processor ms an iteration", "µs an iteration and sample")]
    for size in arguments.curve:
        picked = vectors[rng.integers(0, len(vectors), size)] if size > len(vectors) else vectors[:size]
        noise = rng.normal(size=picked.shape).astype(np.float32) * picked.std() * 0.1
        with Clock() as preparing:
            _, affinities, start = prepare(picked + noise, arguments.perplexity)
        schedule = layout.Schedule(arguments.early, arguments.iterations)
        with Clock() as clock:
            layout.optimize(affinities, start, schedule, lambda *_: False)
        step = clock.processor / schedule.total
        rows.append((f"{size:,}", f"{preparing.wall:.1f}", f"{step * 1e3:.1f}", f"{step / size * 1e6:.3f}"))
        print(f"{size:,} samples: {step * 1e3:.1f} ms an iteration", flush=True)
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
