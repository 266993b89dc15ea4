"""Every analysis and view of the packages that come with nnlens keeps its contract."""

from __future__ import annotations

from typing import Any

import pytest

from nnlens.registry import ANALYSES, VIEWS, list_plugins, load
from nnlens.testing import check_analysis, check_view

QUICK: dict[str, dict[str, Any]] = {
    "nnlens-embedding:tsne": {"iterations": 50},
    "nnlens-attribution:rise": {"masks": 40},
    "nnlens-evaluation:in-common": {"draws": 40},
    "nnlens-attribution:smoothgrad": {"count": 4},
    "nnlens-attribution:integrated-gradients": {"steps": 8},
}
"""Parameters where the defaults would only cost time."""


def ours(group: str) -> list[str]:
    return [info.id for info in list_plugins(group) if info.distribution.startswith("nnlens-")]


def test_the_built_in_analyses_are_installed_and_sound():
    broken = {info.id: info.error for info in list_plugins(load=True) if info.error}
    assert not broken
    names = {name.rpartition(":")[2] for name in ours(ANALYSES)}
    assert names == {
        *("pca", "tsne", "umap", "neighbors", "quality", "reduce"),
        *("search-space", "class-separation"),
        *("loss", "confusion", "label-quality", "in-common"),
        *("saliency", "class-saliency", "gradient-x-input", "smoothgrad", "integrated-gradients", "lrp"),
        *("guided-backprop", "deconv", "gradcam", "gradcam-plus-plus", "hirescam", "guided-gradcam"),
        *("occlusion", "rise"),
        *("sanity-check", "deletion-insertion", "noise-sensitivity"),
        *("feature-maps", "channel-values", "channel-score", "top-samples", "dead-channels", "selectivity"),
        *("receptive-field", "picture-size", "layer-means"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ours(ANALYSES))
def test_analysis(name):
    check_analysis(load(name), **QUICK.get(name, {}))


@pytest.mark.parametrize("name", ours(ANALYSES))
def test_estimates_grow_with_the_samples(name):
    cls = load(name)
    sizes = {"unit": 84, "channel": 16, "y": 8, "x": 8, "class_": 10}
    few, many = (cls().estimate({**sizes, "sample": samples}) for samples in (100, 60_000))
    assert 0 <= few <= many


def test_every_view_that_is_installed():
    for name in ours(VIEWS):
        check_view(load(name, VIEWS))
