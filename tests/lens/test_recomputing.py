"""What checks of explanations stand on: the method by name, once more on another network, and the network's inputs."""

from __future__ import annotations

import numpy as np
import param
import pytest
import xarray as xr

import nnlens
from nnlens import Analysis
from nnlens.analysis import Context, Need, Request
from nnlens.errors import AnalysisError
from nnlens.testing import tiny_model

IMAGE = {"image": ("sample", "y", "x", "channel")}


class Bright(Analysis):
    """Look at pixels and at the first weight."""

    scope = "sample"
    requires = IMAGE
    provides = {"attribution": ("sample", "channel", "y", "x")}
    needs_model = True
    factor = param.Number(1.0, doc="Multiplies.")

    def compute(self, data, context):
        inputs = context.model.prepare(data["image"].values)
        scale = self.factor * context.model.predict(inputs)[:, :1, None, None] + (context.request.target or 0)
        return xr.Dataset(
            {"attribution": (("sample", "channel", "y", "x"), inputs * scale)}, {"sample": data["sample"]}
        )


class InLayer(Bright):
    """The same for a layer."""

    needs_layer = True


class Check(Analysis):
    """Tell what comes out once more."""

    scope = "sample"
    requires = {"attribution": ("sample", "y", "x"), "input": ("sample", "channel", "y", "x")}
    provides = {"again": ("sample",), "before": ("sample",)}
    needs_model = True
    method = param.String("bright", doc="Analysis.")

    def needs(self):
        return {"attribution": Need({"factor": 2}, self.method)}

    def compute(self, data, context):
        ids = data["sample"].values
        other = context.model.randomized(["fc2"])
        parts = [context.recompute("attribution", [each], other)["attribution"].sum() for each in ids]
        whole = data["attribution"].sum(data["attribution"].dims[1:])
        assert data["input"].shape[1:] == (1, 8, 8)
        return xr.Dataset(
            {"again": ("sample", [float(part) for part in parts]), "before": whole}, {"sample": ids}
        )


@pytest.fixture
def checked(lens):
    for cls in (Bright, InLayer, Check):
        lens.registry.register(cls)
    return lens


def by_hand(lens, model, target):
    inputs = tiny_model().prepare(lens.store.images(np.array([3, 8])))
    scale = 2 * model.predict(inputs)[:, :1, None, None] + target
    return (inputs * scale).sum((1, 2, 3))


@pytest.mark.parametrize("target", [None, 2])
def test_the_method_that_is_named_runs_again_with_its_parameters_and_the_target(checked, target):
    result = checked.run("check", sample=[3, 8], target=target)
    np.testing.assert_allclose(result["before"], by_hand(checked, tiny_model(), target or 0), rtol=1e-5)
    drawn = tiny_model().randomized(["fc2"])
    np.testing.assert_allclose(result["again"], by_hand(checked, drawn, target or 0), rtol=1e-5)


def test_the_layer_is_that_of_the_method_that_is_named(checked):
    assert checked.plan("check", sample=[0]).request.layer is None
    assert checked.plan("check", sample=[0], using="inlayer").request.layer == "relu1"
    plan = checked.plan("check", sample=[0], method="inlayer")
    assert plan.request.layer == plan.sources["attribution"].plan.request.layer == "relu1"


def test_a_finished_result_is_not_enough(checked):
    given = checked.run("bright", sample=[0])
    with pytest.raises(AnalysisError, match="only the finished result") as caught:
        checked.run("check", sample=[0], using=given)
    assert "Name the analysis" in caught.value.hint
    with pytest.raises(AnalysisError, match="compute attribution again"):
        Context(Request("test")).recompute("attribution")


def test_inputs_are_what_the_network_takes_and_need_it(checked):
    plan = checked.plan("check", sample=[0, 5])
    assert plan.sources["input"].kind == "model input"
    blind = nnlens.Lens(checked.store, registry=checked.registry)
    with pytest.raises(AnalysisError, match="needs the model"):
        blind.run("check", sample=[0])
