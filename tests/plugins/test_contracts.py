"""Every analysis of the built-in packages keeps the contract that strangers' analyses keep."""

from importlib.metadata import entry_points

import pytest

from nnlens.testing import check_analysis

PACKAGES = ("nnlens-embedding", "nnlens-evaluation", "nnlens-attribution")
QUICK = {
    "tsne": {"iterations": 20, "early_iterations": 10},
    "umap": {"epochs": 5},
}
BUILT_IN = [
    entry
    for entry in entry_points(group="nnlens.analyses")
    if entry.dist is not None and entry.dist.name in PACKAGES
]


def test_all_are_installed():
    assert {entry.name for entry in BUILT_IN} == {
        *("pca", "tsne", "umap", "neighbors", "quality", "reduce"),
        *("loss", "confusion"),
        *("saliency", "gradcam"),
    }


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=entry.name, marks=pytest.mark.slow if entry.name == "umap" else ())
        for entry in BUILT_IN
    ],
)
def test_keeps_the_contract(entry):
    check_analysis(entry.load(), **QUICK.get(entry.name, {}))


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_estimates_grow_with_the_samples(entry):
    cls = entry.load()
    sizes = {"unit": 84, "channel": 16, "y": 8, "x": 8, "class_": 10}
    few, many = (cls().estimate({**sizes, "sample": samples}) for samples in (100, 60_000))
    assert 0 <= few <= many
