"""An analysis of chosen samples against the rest, and one that takes what a run has and does without the rest."""

import numpy as np
import pytest
import xarray as xr

import nnlens
from nnlens.capturing import capture_embeddings
from nnlens.errors import AnalysisError
from nnlens.registry import Registry
from nnlens.testing import tiny_model, tiny_store


class Mean(nnlens.Analysis):
    """Place every sample somewhere."""

    requires = {"label": ("sample",)}
    provides = {"place": ("sample",)}

    def compute(self, data, context):
        return data[["label"]].rename(label="place").load()


class Against(nnlens.Analysis):
    """Count both sides."""

    requires = {"label": ("sample",), "place": ("sample",)}
    wants = {"loss": ("sample",), "pooled_layers": ("sample", "unit")}
    provides = {"counts": ("side",)}
    against_rest = True

    def compute(self, data, context):
        chosen = np.isin(data["sample"].values, context.request.sample)
        words = (
            []
            if "pooled_layers" not in data
            else [list(part) for part in data["pooled_layers"].attrs["layers"]]
        )
        self.seen = data
        return xr.Dataset(
            {"counts": ("side", [int(chosen.sum()), int((~chosen).sum())])},
            attrs={"variables": sorted(map(str, data.data_vars)), "layers": str(words)},
        )


@pytest.fixture
def registry():
    made = Registry(discover=None)
    for cls in (Mean, Against):
        made.register(cls)
    return made


def test_it_gets_all_samples_and_knows_the_chosen(tmp_path, registry):
    lens = nnlens.Lens(tiny_store(tmp_path / "run", 40), tiny_model(), registry)
    ids = lens.store.ids[3:10]
    plan = lens.plan("against", sample=ids)
    assert [first.request.sample for first in plan.first] == [None], "what is run first is run on all"
    result = lens.run("against", sample=ids)
    assert result["counts"].values.tolist() == [7, 33]
    assert result.attrs["variables"] == ["label", "loss", "place", "pooled_layers"]
    assert lens.key(lens.request("against", sample=ids)) != lens.key(lens.request("against", sample=ids[1:]))
    with pytest.raises(AnalysisError, match="all are chosen"):
        lens.run("against")


def test_the_layers_stand_side_by_side(tmp_path, registry):
    store = tiny_store(tmp_path / "run", 40)
    lens = nnlens.Lens(store, None, registry)
    plan = lens.plan("against", sample=store.ids[:1])
    data = lens.runner._assembler.assemble(plan, {key: lens.run("mean") for key in (plan.first[0].key,)})
    begin = 0
    for name, width, word in data["pooled_layers"].attrs["layers"]:
        expected = store.pooled(name).values
        assert np.array_equal(data["pooled_layers"].values[:, begin : begin + width], expected)
        assert word == ("channel" if store.layer(name).info.spatial else "unit")
        begin += width
    assert begin == data.sizes["unit"]


def test_a_run_that_lacks_it_is_no_hindrance(tmp_path, registry):
    vectors = np.random.default_rng(0).normal(size=(20, 4))
    lens = nnlens.Lens(capture_embeddings(vectors, tmp_path / "run"), registry=registry)
    assert lens.run("against", sample=lens.store.ids[:5]).attrs["variables"] == [
        "label",
        "place",
        "pooled_layers",
    ]
