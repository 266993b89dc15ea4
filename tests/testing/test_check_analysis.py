"""The conformance checks find what they are there to find."""

from __future__ import annotations

import numpy as np
import param
import pytest
import xarray as xr

from nnlens import Analysis
from nnlens.errors import AnalysisError
from nnlens.registry import Registry
from nnlens.testing import check_analysis

IDS = {"sample": ("sample",)}


class Sound(Analysis):
    """Sum the units of each sample."""

    requires = {"embedding": ("sample", "unit")}
    provides = {"total": ("sample",)}
    scale = param.Number(1.0, bounds=(0, 10), doc="Factor on the sum.")

    def compute(self, data, context):
        context.progress(1, 2, "summing")
        total = data["embedding"].sum("unit") * self.scale
        result = total.to_dataset(name="total").assign_attrs(caption="summed")
        context.partial(result)
        return result


@pytest.fixture
def nothing() -> Registry:
    return Registry(discover=None)


def problems(cls, registry) -> str:
    with pytest.raises(AssertionError) as caught:
        check_analysis(cls, registry=registry)
    return str(caught.value)


def test_a_sound_analysis_passes(nothing):
    check_analysis(Sound, registry=nothing)


def test_parameters_can_be_given(nothing):
    check_analysis(Sound, registry=nothing, scale=2)


def test_one_of_samples_passes(nothing):
    class Difference(Analysis):
        """Subtract the mean image."""

        scope = "sample"
        requires = {"image": ("sample", "y", "x", "channel")}
        provides = {"attribution": ("sample", "y", "x")}
        needs_model = True

        def compute(self, data, context):
            assert context.model.predict(context.model.prepare(data["image"].values)).shape[1] == 3
            return data["image"].astype("f4").mean("channel").to_dataset(name="attribution")

    check_analysis(Difference, registry=nothing)


def test_one_of_channels_passes(nothing):
    class Brightest(Analysis):
        """Rank samples by one channel."""

        scope = "channel"
        requires = {"pooled": ("sample", "channel")}
        provides = {"strength": ("sample",)}

        def compute(self, data, context):
            return data["pooled"].isel(channel=context.request.channel, drop=True).to_dataset(name="strength")

    check_analysis(Brightest, registry=nothing)


def variant(change):
    """Make a class that is sound but for one thing."""

    class Variant(Sound):
        """Sum the units of each sample."""

        compute = change if callable(change) else Sound.compute

    return Variant


def no_ids(self, data, context):
    return xr.Dataset({"total": ("sample", np.ones(data.sizes["sample"]))})


def other_dims(self, data, context):
    return data["embedding"].to_dataset(name="total")


def nothing_at_all(self, data, context):
    return None


def unseeded(self, data, context):
    noise = np.random.default_rng().normal(size=data.sizes["sample"])
    return xr.Dataset({"total": ("sample", noise)}, {"sample": data["sample"]})


def object_attribute(self, data, context):
    return Sound.compute(self, data, context).assign_attrs(model=context)


def object_values(self, data, context):
    values = np.array([{"a": 1}] * data.sizes["sample"], object)
    return xr.Dataset({"total": ("sample", values)}, {"sample": data["sample"]})


def extra_variable(self, data, context):
    return Sound.compute(self, data, context).assign(secret=1)


def strange_progress(self, data, context):
    context.progress(5, 2)
    return Sound.compute(self, data, context)


def wrong_picture(self, data, context):
    context.partial(xr.Dataset({"other": 1}))
    return Sound.compute(self, data, context)


def breaks_on_few(self, data, context):
    if data.sizes["sample"] < 3:
        raise IndexError("too few")
    return Sound.compute(self, data, context)


def refuses_few(self, data, context):
    if data.sizes["sample"] < 3:
        raise AnalysisError("There are too few samples.", "Take more.")
    return Sound.compute(self, data, context)


def breaks_on_nan(self, data, context):
    assert np.isfinite(data["embedding"].values).all(), "not finite"
    return Sound.compute(self, data, context)


def breaks_when_stopped(self, data, context):
    if context.stopping:
        raise KeyError("nothing yet")
    return Sound.compute(self, data, context)


def all_samples(self, data, context):
    ids = np.arange(60)
    return xr.Dataset({"total": ("sample", np.zeros(60))}, {"sample": ids})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_ids, "on relu2: on-trial returned samples without their int64 ids"),
        (other_dims, "returned ('sample', 'unit')"),
        (nothing_at_all, "returned a NoneType"),
        (unseeded, "differs when it is run again"),
        (object_attribute, "attribute 'model', which is no plain number"),
        (object_values, "returned Python objects in 'total'"),
        (extra_variable, "returns secret without saying so"),
        (strange_progress, "reports 5 of 2"),
        (wrong_picture, "partial picture is no result"),
        (breaks_on_few, "on one sample: it raised IndexError"),
        (breaks_on_nan, "on samples whose activations are NaN: it raised AssertionError"),
        (breaks_when_stopped, "when it is stopped at once it raised KeyError"),
        (all_samples, "samples that were not asked for"),
    ],
)
def test_what_is_wrong_is_found(change, words, nothing):
    assert words in problems(variant(change), nothing)


def test_refusing_is_no_fault_where_the_data_is_hard(nothing):
    check_analysis(variant(refuses_few), registry=nothing)


def test_documentation_is_asked_for(nothing):
    class Silent(Sound):
        shift = param.Number(1.0)

    found = problems(Silent, nothing)
    assert "no docstring" in found
    assert "shift has no doc=" in found


def test_a_contract_that_is_not_kept_at_all(nothing):
    assert "not a subclass" in problems(int, nothing)


def test_what_can_be_run_on_nothing(nothing):
    class Hopeless(Analysis):
        """Ask for what nobody has."""

        requires = {"wisdom": ("sample",)}
        provides = {"peace": ("sample",)}

        def compute(self, data, context):
            return data

    assert "run on nothing" in problems(Hopeless, nothing)
