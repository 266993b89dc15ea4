"""The other analyses: neighbors, PCA, UMAP and quality on 60,000 samples, attributions against Captum.

    python benchmarks/analyses.py [neighbors pca umap quality attribution] [--samples N] [--threads N]

Prints seconds and ratios to the peer that ran beside it in the same process; ratios count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import hidden_vectors, limit_threads, table, taking_turns, timed

WIDE = 4096
PARTS = ("neighbors", "pca", "umap", "quality", "attribution")


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


def attribution(arguments):
    """A small VGG at 64 pixels, batches of 1 and 32, against a bare backward pass and Captum."""
    import numpy as np
    import torch

    from nnlens import Preprocess, load_model

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    module = small_vgg(torch.nn).eval()
    model = load_model(module, preprocess=Preprocess(64))
    images = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    for batch, rounds in ((1, 60), (32, 12)):
        inputs = torch.from_numpy(model.prepare(images[:batch]))
        target = module(inputs).argmax(1)
        seconds = taking_turns(attribution_works(module, model, images[:batch], target), rounds)
        for work, peer in (
            ("saliency", "forward + backward"),
            ("saliency", "Captum saliency"),
            ("saliency, whole analysis", "Captum saliency"),
            ("gradcam", "Captum gradcam"),
            ("gradcam, whole analysis", "Captum gradcam"),
        ):
            wall, processor = (
                np.array([[getattr(clock, kind) for clock in seconds[name]] for name in (work, peer)])
                for kind in ("wall", "processor")
            )
            ratios = (f"{np.median(each[0] / each[1]):.3f}" for each in (wall, processor))
            own, other = np.median(wall, axis=1)
            remarks = f"{own / batch * 1e3:.2f} ms an image"
            yield f"{work}, batch {batch}", f"{own:.4f}", peer, f"{other:.4f}", *ratios, remarks


def attribution_works(module, model, images, target):
    """Return what takes turns: ours, a bare backward pass, Captum's.

    Captum gets inputs and target; ours finds the predicted class in the same pass. The whole analysis also turns the
    image into inputs and makes the result.
    """
    import numpy as np
    import torch
    import xarray as xr
    from captum.attr import LayerAttribution, LayerGradCam
    from captum.attr import Saliency as CaptumSaliency
    from nnlens_attribution.explaining import Target
    from nnlens_attribution.gradcam import GradCAM, class_activation, enlarge
    from nnlens_attribution.saliency import Saliency, input_gradient, join_channels

    from nnlens.analysis import Context, Request

    prepared = model.prepare(images)
    inputs, weights = torch.from_numpy(prepared), list(module.parameters())
    last = max(index for index, part in enumerate(module) if isinstance(part, torch.nn.Conv2d))
    sample = {"sample": np.arange(len(images))}
    data = xr.Dataset({"image": (("sample", "y", "x", "channel"), images)}, coords=sample)

    def bare():
        for weight in weights:
            weight.requires_grad_(False)
        held = inputs.clone().requires_grad_()
        torch.autograd.grad(module(held)[range(len(held)), target].sum(), held)

    def captum_gradcam():
        small = LayerGradCam(module, module[last]).attribute(inputs, target, relu_attributions=True)
        return LayerAttribution.interpolate(small, (64, 64), "bilinear")

    def gradcam():
        layer = str(last)
        made = model.vjp(prepared, Target(None).seed, wrt=(layer,), keep=(layer,))
        return enlarge(class_activation(made.activations[layer], made.gradients[layer]), 64, 64)

    def whole(analysis, layer=None):
        return analysis.compute(data, Context(Request("benchmark", layer=layer), model))

    return {
        "saliency": lambda: join_channels(
            input_gradient(model, prepared, Target(None)).gradients["@input"], "max"
        ),
        "saliency, whole analysis": lambda: whole(Saliency()),
        "gradcam": gradcam,
        "gradcam, whole analysis": lambda: whole(GradCAM(), str(last)),
        "forward + backward": bare,
        "Captum saliency": lambda: CaptumSaliency(module).attribute(inputs.clone().requires_grad_(), target),
        "Captum gradcam": captum_gradcam,
    }


def small_vgg(nn):
    """Six convolutions, three poolings, two dense layers: 64-pixel color images to ten classes."""
    layers, channels = [], 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, 10))


if __name__ == "__main__":
    main()
