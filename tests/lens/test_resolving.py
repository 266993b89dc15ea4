"""Where what an analysis requires comes from."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import nnlens
from nnlens import Analysis
from nnlens.analysis import Need
from nnlens.errors import AnalysisError, ModelError
from nnlens.lens.assembling import Assembler
from nnlens.testing import tiny_model, tiny_store


def kinds(plan):
    return {name: source.kind for name, source in plan.sources.items()}


@pytest.fixture
def poor(tmp_path, registry):
    """A run that holds its spatial layers only pooled."""
    return tiny_store(tmp_path / "poor", keep=[])


def test_columns_come_from_the_run(lens):
    assert kinds(lens.plan("worth")) == {"loss": "column", "label": "column"}


def test_a_flat_layer_is_its_own_embedding(lens):
    assert kinds(lens.plan("neighbors", layer="fc1")) == {"embedding": "activation"}
    found = lens.run("neighbors", layer="fc1")
    x = lens.store.activation("fc1").values.astype(float)
    naive = [sorted((np.linalg.norm(x[i] - x[j]), j) for j in range(60) if j != i)[0][1] for i in range(60)]
    np.testing.assert_array_equal(found["neighbor"].values[:, 0], naive)


def test_the_logits_are_a_layer(lens):
    assert kinds(lens.plan("neighbors", layer="@logits")) == {"embedding": "activation"}
    assert lens.run("neighbors", layer="@logits").attrs["title"] == "Neighbors of logits"


def test_the_pixels_are_a_layer(lens):
    plan = lens.plan("neighbors", layer="@input")
    assert kinds(plan) == {"embedding": "pixels"}
    data = Assembler(lens.store, None).assemble(plan, {})
    images = lens.store.images(lens.store.ids)
    np.testing.assert_allclose(data["embedding"].values, images.reshape(60, -1) / 255, atol=1e-6)
    assert lens.run("neighbors", layer="@input").attrs["title"] == "Neighbors of input pixels"


def test_a_spatial_layer_is_reduced_first_and_the_reduction_is_shared(lens, calls):
    plan = lens.plan("map", layer="conv")
    assert kinds(plan) == {"embedding": "result", "neighbor": "result", "distance": "result"}
    lens.run("map", layer="conv")
    lens.run("map", layer="conv", perplexity=3)
    assert [name for name, _ in calls] == ["reduce", "neighbors", "map", "neighbors", "map"]
    assert {info.attrs["title"] for info in lens.results()} == {
        "Pool of conv",
        "Neighbors of conv after Pool",
        "Map of conv after Pool",
    }


def test_without_the_activation_and_without_a_model_the_mean_over_space_serves_and_the_title_says_so(
    poor, registry
):
    blind = nnlens.Lens(poor, registry=registry)
    assert kinds(blind.plan("neighbors", layer="conv")) == {"embedding": "pooled"}
    result = blind.run("neighbors", layer="conv")
    assert result.attrs["title"] == "Neighbors of conv, mean over space"
    x = poor.pooled("conv").values.astype(float)
    apart = np.linalg.norm(x[:, None] - x[None], axis=2) + np.diag([np.inf] * 60)
    np.testing.assert_allclose(result["distance"].values[:, 0], apart.min(1), rtol=1e-5)


def test_what_the_run_does_not_hold_is_computed_by_the_model(poor, registry, tmp_path):
    lens = nnlens.Lens(poor, tiny_model(), registry)
    plan = lens.plan("maps", layer="relu1")
    assert kinds(plan) == {"activation": "model"}
    rich = tiny_store(tmp_path / "rich")
    np.testing.assert_allclose(
        lens.run("maps", layer="relu1")["spread"].values,
        nnlens.Lens(rich, registry=registry).run("maps", layer="relu1")["spread"].values,
        rtol=1e-5,
    )


def test_of_what_the_model_computes_only_what_is_read_is_computed(poor, registry, monkeypatch):
    model = tiny_model()
    lens = nnlens.Lens(poor, model, registry)
    asked = []
    activations = model.activations
    monkeypatch.setattr(
        model, "activations", lambda inputs, layers: asked.append(len(inputs)) or activations(inputs, layers)
    )
    data = Assembler(poor, model).assemble(lens.plan("maps", layer="conv"), {})
    assert asked == []
    part = data["activation"].isel(sample=[3, 50], channel=1).values
    assert asked == [2]
    expected = activations(model.prepare(poor.images([3, 50])), ["conv"])["conv"][:, 1]
    np.testing.assert_array_equal(part, expected)


def test_a_layer_that_was_not_captured_can_be_had_from_the_model(tmp_path, registry):
    from nnlens import capture, load_samples
    from nnlens.testing import tiny_images

    store = capture(tiny_model(), load_samples(tiny_images()), tmp_path / "run", layers=["fc1"])
    lens = nnlens.Lens(store, tiny_model(), registry)
    assert kinds(lens.plan("strongest", layer="relu1", channel=0)) == {"pooled": "model mean"}
    found = lens.run("strongest", layer="relu1", channel=2)["strength"].values
    expected = lens.model.activations(lens.model.prepare(store.images(store.ids)), ["relu1"])["relu1"][:, 2]
    np.testing.assert_allclose(found, expected.mean((1, 2)), rtol=1e-5)
    with pytest.raises(AnalysisError, match="does not hold 'relu1' in full"):
        nnlens.Lens(store, registry=registry).plan("strongest", layer="relu1", channel=0)


def test_what_needs_the_activation_says_which_model_to_give(poor, registry):
    with pytest.raises(
        AnalysisError, match=r"does not hold 'conv' in full, which maps works on. Give the model"
    ):
        nnlens.Lens(poor, registry=registry).plan("maps", layer="conv")


def test_an_analysis_of_maps_refuses_a_flat_layer(lens):
    with pytest.raises(AnalysisError, match="fc1 is flat"):
        lens.plan("maps", layer="fc1")


def test_without_a_layer_the_hidden_vector_is_taken(lens):
    assert lens.plan("neighbors").request.layer == "relu2"
    assert lens.run("neighbors").attrs["layer"] == "relu2"


def test_what_looks_into_a_layer_by_itself_gets_the_last_one_with_height_and_width(lens, registry):
    class Looker(Analysis):
        """Look into a layer."""

        needs_layer = True
        provides = {"x": ()}

        def compute(self, data, context):
            return xr.Dataset({"x": 1.0})

    registry.register(Looker)
    assert lens.plan("looker").request.layer == "relu1"
    assert lens.wants_layer("looker")


def test_a_used_result_tells_the_layer(lens):
    projection = lens.run("map", layer="fc1")
    assert lens.plan("quality", using=projection).request.layer == "fc1"


def test_wants_layer_looks_through_what_is_run_first(lens, registry):
    @nnlens.register
    class Crowded(Analysis):
        """Count how often each is a neighbor."""

        requires = {"neighbor": ("sample", "rank")}
        provides = {"crowd": ("sample",)}

        def compute(self, data, context):
            counts = np.isin(data["sample"].values, data["neighbor"].values)
            return xr.Dataset({"crowd": ("sample", counts)}, {"sample": data["sample"]})

    assert lens.wants_layer("crowded")
    assert lens.wants_layer("map")
    assert not lens.wants_layer("worth")
    assert lens.run("crowded", layer="fc1").attrs["layer"] == "fc1"


def test_the_need_of_an_analysis_is_passed_on_and_one_provider_serves_both_variables(lens, calls):
    lens.run("map", layer="fc1", perplexity=4)
    assert calls == [("neighbors", {"k": 12}), ("map", {"rank": 12, "unit": 12})]


def test_a_need_may_name_the_analysis(lens, registry, calls):
    class Other(Analysis):
        """Find others."""

        requires = {"embedding": ("sample", "unit")}
        provides = {"neighbor": ("sample", "rank"), "distance": ("sample", "rank")}
        priority = 100

        def compute(self, data, context):
            raise AssertionError("not asked for")

    class Picky(Analysis):
        """Want those neighbors."""

        requires = {"neighbor": ("sample", "rank")}
        provides = {"picked": ("sample",)}

        def needs(self):
            return {"neighbor": Need({"k": 2}, "neighbors")}

        def compute(self, data, context):
            return data["neighbor"].max("rank").to_dataset(name="picked")

    registry.register(Other)
    registry.register(Picky)
    lens.run("picky", layer="fc1")
    assert calls == [("neighbors", {"k": 2})]


def test_what_nobody_provides_is_named(lens, registry):
    class Wise(Analysis):
        """Ask for wisdom."""

        requires = {"wisdom": ("sample",)}
        provides = {"peace": ("sample",)}

        def compute(self, data, context):
            return data

    registry.register(Wise)
    with pytest.raises(
        AnalysisError, match=r"wise requires wisdom \(sample\), and no installed analysis provides it"
    ):
        lens.plan("wise")


def test_a_circle_is_refused(lens, registry):
    def circle(name, wants, gives):
        body = {
            "requires": {wants: ("sample",)},
            "provides": {gives: ("sample",)},
            "compute": lambda s, d, c: d,
        }
        return type(name, (Analysis,), {**body, "__doc__": "Turn.", "__module__": __name__})

    registry.register(circle("Hen", "egg", "chick"))
    registry.register(circle("Layer", "chick", "egg"))
    with pytest.raises(AnalysisError, match="before itself"):
        lens.plan("hen")
    assert not lens.wants_layer("hen")


def test_samples_are_chosen_in_what_is_run_first_too(lens, calls):
    chosen = [3, 5, 8, 13, 21, 34, 55, 1, 2, 7]
    result = lens.run("map", layer="conv", sample=chosen)
    np.testing.assert_array_equal(result["sample"].values, sorted(chosen))
    assert set(lens.run("neighbors", layer="conv", sample=chosen)["neighbor"].values.ravel()) <= set(chosen)


def test_a_result_that_leaves_samples_out_narrows_what_is_joined_with_it(lens, registry, calls):
    worth = lens.run("worth", only_label=1)
    assert worth.sizes["sample"] == 20

    class Joined(Analysis):
        """Join two."""

        requires = {"worth": ("sample",), "embedding": ("sample", "unit")}
        provides = {"joined": ("sample",)}

        def compute(self, data, context):
            assert data.sizes == {"sample": 20, "unit": 12}
            np.testing.assert_array_equal(
                data["embedding"].values, lens.store.activation("fc1").values[data["sample"].values]
            )
            return data["worth"].to_dataset(name="joined")

    registry.register(Joined)
    assert lens.run("joined", layer="fc1", using=worth).sizes["sample"] == 20


def test_variables_that_do_not_fit_together_are_refused_in_words(lens, registry):
    class Both(Analysis):
        """Want the picture and the maps."""

        requires = {"image": ("sample", "y", "x", "channel"), "activation": ("sample", "channel", "y", "x")}
        provides = {"x": ("sample",)}

        def compute(self, data, context):
            return data

    registry.register(Both)
    with pytest.raises(AnalysisError, match="dimensions do not fit: image, activation"):
        lens.run("both", layer="conv")


def test_what_an_analysis_gets_is_lazy_and_only_what_it_asked_for(lens, registry):
    data = Assembler(lens.store, None).assemble(lens.plan("maps", layer="conv"), {})
    assert set(data.variables) == {"activation", "sample"}
    assert not data["activation"].variable._in_memory
    chosen = Assembler(lens.store, None).assemble(lens.plan("maps", layer="conv", sample=[4, 2]), {})
    assert not chosen["activation"].variable._in_memory
    np.testing.assert_array_equal(chosen["activation"].values, lens.store.activation("conv").values[[2, 4]])


def test_a_model_of_other_weights_is_refused(tiny_store, registry):
    with pytest.raises(ModelError, match="captured with other weights"):
        nnlens.Lens(tiny_store, tiny_model(seed=5), registry)


def test_a_model_with_another_preprocessing_is_refused(tiny_store, registry):
    model = tiny_model()
    model.preprocess = nnlens.Preprocess(8, order="grey", scale=1)
    with pytest.raises(ModelError, match="another preprocessing"):
        nnlens.Lens(tiny_store, model, registry)
