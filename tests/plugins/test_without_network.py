"""Every installed analysis on a run of embeddings: a result, or one sentence that names what is missing."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from nnlens import Lens, capture_embeddings
from nnlens.errors import AnalysisError
from nnlens.jobs import JobManager
from nnlens.registry import Registry
from nnlens.schema import check_provides

TEMPLATE = Path(__file__).parents[2] / "plugins" / "nnlens-template" / "nnlens_template" / "class_distance.py"
QUICK = {
    "tsne": {"iterations": 20, "early_iterations": 10},
    "umap": {"epochs": 5},
    "in-common": {"sample": range(0, 60, 7), "draws": 20},
}
WORKS = {
    "pca",
    "tsne",
    "umap",
    "neighbors",
    "quality",
    "feature-maps",
    "dead-channels",
    "in-common",
    "search-space",
}
PICTURED = {"picture-size": "needs images", "top-samples": "needs images"}
LABELLED = {"selectivity": "labels of these samples name 0", "class-separation": "No sample has a label"}
LACKING = {
    "loss": "losses, predictions and logits",
    "confusion": "predictions and logits",
    "label-quality": "predictions and logits",
    "reduce": "is flat",
    "channel-score": "is flat",
}
NAMES = sorted(
    entry.name for entry in entry_points(group="nnlens.analyses") if entry.name != "class_distance"
)
LACKING |= {name: "the network" for name in NAMES if Registry().load_analysis(name).needs_model}


@pytest.fixture(scope="module", params=["labelled", "unlabelled", "pictured"])
def lens(request, tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    vectors = rng.normal(size=(60, 8)) + 6 * np.eye(8)[labels]
    images = rng.integers(0, 256, (60, 5, 5), dtype=np.uint8) if request.param == "pictured" else None
    path = tmp_path_factory.mktemp("runs") / request.param
    store = capture_embeddings(
        vectors, path, labels=None if request.param == "unlabelled" else labels, images=images
    )
    registry = Registry()
    registry.register_file(f"{TEMPLATE}:ClassDistance")
    return Lens(store, registry=registry)


def test_all_are_looked_at():
    assert set(NAMES) >= WORKS | set(LACKING) | set(PICTURED) | set(LABELLED)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "umap" else ()) for name in NAMES]
)
def test_an_analysis_works_or_names_what_is_missing(lens, name):
    if name in LACKING:
        for arguments in ({}, {"sample": [0]}, {"layer": "embedding"}):
            with pytest.raises(AnalysisError, match=LACKING[name]) as caught:
                lens.run(name, **arguments)
            assert len(str(caught.value)) < 250
        return
    pictured, labelled = "image" in lens.store.samples, (lens.store.samples["label"] >= 0).any()
    lacking = ({} if pictured else PICTURED) | ({} if labelled else LABELLED)
    if name in lacking:
        with pytest.raises(AnalysisError, match=lacking[name]):
            lens.run(name)
        return
    result = lens.run(name, **QUICK.get(name, {}))
    check_provides(result, lens.registry.load_analysis(name).provides, name)
    assert "sample" not in result.sizes or result.sizes["sample"] == 60


def test_one_that_needs_labels_says_so_where_there_are_none(lens):
    if (lens.store.samples["label"] >= 0).any():
        found = lens.run("classdistance")["class_distance"].values
        assert found.shape == (60,)
        assert np.isfinite(found).all()
    else:
        with pytest.raises(AnalysisError, match="No sample has a label"):
            lens.run("classdistance")


def test_a_layer_that_is_not_there_is_named(lens):
    pictured = "image" in lens.store.samples
    with pytest.raises(AnalysisError, match=r"It has: embedding(, @input)?[.]$"):
        lens.run("pca", layer="@logits")
    if pictured:
        assert lens.run("pca", layer="@input").attrs["title"] == "PCA of input pixels"
    else:
        with pytest.raises(AnalysisError, match="no layer '@input'"):
            lens.run("pca", layer="@input")


def test_it_works_in_another_process_too(lens):
    manager = JobManager()
    try:
        looking = Lens(lens.store, jobs=manager)
        assert looking.submit("pca").result(timeout=120)["projection"].shape == (60, 2)
        with pytest.raises(AnalysisError, match="needs the network"):
            looking.submit("gradcam", sample=[0])
    finally:
        manager.close()
