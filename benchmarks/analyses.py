"""The other analyses: neighbors, PCA, UMAP and quality on 60,000 samples.

    python benchmarks/analyses.py [neighbors pca umap quality] [--samples N] [--threads N]

Prints seconds and ratios to the peer that ran beside it in the same process; ratios count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import hidden_vectors, limit_threads, table, timed

WIDE = 4096
PARTS = ("neighbors", "pca", "umap", "quality")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="an .npz file that keeps the vectors between runs")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    limit_threads(arguments.threads)
    rows = [("work", "s", "peer", "s", "ratio", "of processor time", "remarks")]
    for part in arguments.parts or PARTS:
        for row in globals()[part](arguments):
            rows.append(row)
            print(" · ".join(row), flush=True)
    print("\n" + table(rows))


def row(work, clock, peer="", other=None, remarks=""):
    against = ("", "", "")
    if other is not None:
        ratios = clock.wall / other.wall, clock.processor / other.processor
        against = f"{other.wall:.3g}", *(f"{ratio:.3f}" for ratio in ratios)
    return work, f"{clock.wall:.3g}", peer, *against, remarks


def dataset(arguments):
    """Return the hidden vectors as an analysis gets them."""
    import numpy as np
    import xarray as xr

    vectors, labels = hidden_vectors("zoo:fashion-mnist", "fashion-mnist", arguments.cache)
    vectors, labels = vectors[: arguments.samples], labels[: arguments.samples]
    return xr.Dataset(
        {"embedding": (("sample", "unit"), vectors), "label": ("sample", labels)},
        coords={"sample": np.arange(len(vectors), dtype=np.int64)},
    )


def context(**request):
    from nnlens.analysis import Context, Request

    return Context(Request("benchmark", **request))


def neighbors(arguments):
    """All neighbors of all samples in PCA 50, against faiss called bare on the same numbers."""
    import faiss
    import numpy as np
    from nnlens_embedding.linear import principal_axes, project
    from nnlens_embedding.neighbors import Neighbors
    from nnlens_embedding.rows import Rows

    data = dataset(arguments)
    Neighbors(k=2).compute(data.isel(sample=slice(0, 500)), context())
    rows = Rows(data["embedding"])
    values = project(rows, principal_axes(rows, 50, np.random.default_rng(0)))
    for k in (15, 90):
        index = faiss.IndexFlatL2(values.shape[1])
        index.add(values)
        _, peer = timed(lambda index=index, k=k: index.search(values, k + 1))
        result, clock = timed(lambda k=k: Neighbors(k=k).compute(data, context()))
        yield row(f"neighbors k={k}", clock, "faiss flat, search alone", peer, result.attrs["caption"])


def pca(arguments):
    """50 components of 4,096 units: random features of real images."""
    import numpy as np
    import xarray as xr
    from nnlens_embedding.pca import PCA
    from sklearn.decomposition import PCA as Peer

    from nnlens import load_samples

    samples = load_samples("fashion-mnist")
    images = samples.images(slice(0, arguments.samples)).reshape(arguments.samples, -1)
    weights = np.random.default_rng(0).normal(size=(images.shape[1], WIDE)).astype(np.float32) / 28 / 255
    values = np.maximum(images.astype(np.float32) @ weights, 0)
    data = xr.Dataset({"embedding": (("sample", "unit"), values)}, coords={"sample": np.arange(len(values))})
    result, clock = timed(lambda: PCA(components=50).compute(data, context()))
    peer, peer_clock = timed(lambda: Peer(50, svd_solver="randomized", random_state=0).fit(values))
    explained = (
        f"explained {result.attrs['kept_variance']:.5f} against {peer.explained_variance_ratio_.sum():.5f}"
    )
    yield row(
        f"pca {values.shape[0]:,} × {WIDE:,} → 50",
        clock,
        "scikit-learn randomized",
        peer_clock,
        explained,
    )
    small = dataset(arguments)
    PCA().compute(small, context())
    _, clock = timed(lambda: PCA().compute(small, context()))
    yield row(f"pca {small.sizes['sample']:,} × {small.sizes['unit']} → 2", clock)


def umap(arguments):
    """With a seed on one thread, and without on all; the first call compiles, as in every process."""
    from nnlens_embedding.neighbors import Neighbors
    from nnlens_embedding.umap import UMAP, load_umap

    data = dataset(arguments)
    graph = Neighbors(k=14).compute(data, context())
    data = data.assign(neighbor=graph["neighbor"], distance=graph["distance"])
    _, loading = timed(load_umap)
    yield row("import umap", loading)
    few = data.isel(sample=slice(0, 1000))
    own = Neighbors(k=14).compute(few, context())
    _, compiling = timed(
        lambda: UMAP(epochs=5).compute(
            few.assign(neighbor=own["neighbor"], distance=own["distance"]), context()
        )
    )
    yield row("umap compilation", compiling)
    peer = load_umap().UMAP(random_state=0, n_jobs=1)
    _, peer_clock = timed(lambda: peer.fit_transform(data["embedding"].values))
    seeded, clock = timed(lambda: UMAP().compute(data, context()))
    yield row("umap, seed", clock, "umap-learn with its own graph", peer_clock, seeded.attrs["caption"])
    free, clock = timed(lambda: UMAP().compute(data, context(seed=None)))
    yield row("umap, no seed", clock, "umap-learn with its own graph", peer_clock, free.attrs["caption"])


def quality(arguments):
    """Scores on 1,500 probes, against scikit-learn's trustworthiness of 5,000 samples in full."""
    from nnlens_embedding.pca import PCA
    from nnlens_embedding.quality import Quality
    from sklearn.manifold import trustworthiness

    data = dataset(arguments)
    data = data.assign(projection=PCA().compute(data, context())["projection"])
    Quality(probes=10).compute(data.isel(sample=slice(0, 500)), context())
    result, clock = timed(lambda: Quality().compute(data, context()))
    few = data.isel(sample=slice(0, 5000))
    peer, peer_clock = timed(lambda: trustworthiness(few["embedding"], few["projection"], n_neighbors=10))
    ours, small = timed(lambda: Quality(probes=5000).compute(few, context()))
    yield row(f"quality {data.sizes['sample']:,}, 1,500 probes", clock, remarks=result.attrs["caption"])
    agreement = f"trustworthiness {float(ours['trustworthiness']):.6f} against {peer:.6f}"
    yield row("quality 5,000, all probed", small, "scikit-learn, that alone", peer_clock, agreement)


if __name__ == "__main__":
    main()
