"""What is read from a run equals what the network said, whatever is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlens import open_store
from nnlens.capturing import capture
from nnlens.errors import StoreError
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model, tiny_store

COUNT = 150


@pytest.fixture(scope="module")
def samples() -> Samples:
    images, labels = tiny_images(COUNT)
    return Samples(images, labels, ids=np.arange(COUNT)[::-1] * 3, split=["train", "test"] * (COUNT // 2))


@pytest.fixture(scope="module")
def store(tmp_path_factory, samples):
    return capture(tiny_model(), samples, tmp_path_factory.mktemp("run") / "run", commit_size=32)


@pytest.fixture(scope="module")
def truth(samples):
    model = tiny_model()
    names = [layer.name for layer in model.layers]
    inputs = model.prepare(samples.images(slice(None)))
    return {**model.activations(inputs, names), "@input": inputs, "@logits": model.predict(inputs)}


def test_a_run_says_what_it_is(store):
    assert (store.name, store.committed, store.total, store.complete) == ("run", COUNT, COUNT, True)
    assert [layer.name for layer in store.layers] == ["conv", "relu1", "fc1", "relu2", "fc2"]
    assert [layer.pooled for layer in store.layers] == [True, True, False, False, False]
    assert store.graph == tiny_model().layers
    assert store.class_names == ("0", "1", "2")
    assert store.metadata["model"]["fingerprint"] == tiny_model().fingerprint
    assert "150 of 150" in repr(store)


@pytest.mark.parametrize("layer", ["conv", "relu1", "fc1", "relu2", "fc2", "@logits"])
def test_activations_are_what_the_network_said(store, truth, layer):
    found = store.activation(layer)
    np.testing.assert_allclose(
        found.values, truth[layer], rtol=1e-5, atol=1e-5
    )  # batches differ in the last bits
    assert found.dims == (("sample", "channel", "y", "x") if found.ndim == 4 else ("sample", "unit"))
    assert found.dtype == np.float32


def test_pixels_are_the_images_from_0_to_1(store, samples):
    expected = samples.images(slice(None)).transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(store.activation("@input").values, expected, rtol=1e-6)
    np.testing.assert_allclose(store.pooled("@input").values, expected.mean((2, 3)), rtol=1e-6)


@pytest.mark.parametrize("layer", ["conv", "relu1"])
def test_pooled_is_the_mean_over_space(store, truth, layer):
    np.testing.assert_allclose(store.pooled(layer).values, truth[layer].mean((2, 3)), rtol=1e-4, atol=1e-6)
    assert store.pooled(layer).dims == ("sample", "channel")


def test_pooled_of_a_flat_layer_is_the_layer(store, truth):
    np.testing.assert_allclose(store.pooled("fc1").values, truth["fc1"], rtol=1e-5, atol=1e-5)
    assert store.pooled("@logits").dims == ("sample", "channel")


def test_samples_hold_what_is_known_of_each(store, samples, truth):
    found = store.samples
    np.testing.assert_array_equal(found["sample"], samples.ids)
    np.testing.assert_array_equal(found["label"], samples.labels)
    np.testing.assert_array_equal(found["prediction"], truth["@logits"].argmax(1))
    np.testing.assert_array_equal(found["image"], samples.images(slice(None)))
    assert found["split"].values.tolist() == samples.splits.tolist()
    assert found["sample"].dtype == found["label"].dtype == np.int64


def test_the_loss_is_the_cross_entropy(store, samples, truth):
    from scipy.special import logsumexp

    logits = truth["@logits"].astype(float)
    expected = logsumexp(logits, axis=1) - logits[np.arange(COUNT), samples.labels]
    np.testing.assert_allclose(store.samples["loss"], expected, rtol=1e-4, atol=1e-5)


def test_images_come_in_the_order_of_the_ids(store, samples):
    ids = samples.ids[[140, 3, 3, 77]]
    np.testing.assert_array_equal(store.images(ids), samples.images([140, 3, 3, 77]))
    assert store.images([]).shape == (0, 8, 8, 1)


def test_a_few_samples_are_read_from_all_layers_at_once(store, samples):
    ids = samples.ids[[70, 2]]
    found = store.activations(ids)
    assert list(found) == ["conv", "relu1", "fc1", "relu2", "fc2"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, store.activation(name).sel(sample=ids))
    assert list(store.activations(ids, ["fc1"])) == ["fc1"]
    with pytest.raises(StoreError, match="no layer"):
        store.activations(ids, ["fc9"])


def test_an_unknown_sample_is_named(store):
    with pytest.raises(StoreError, match="no sample 1"):
        store.images([3, 1])


def test_an_unknown_layer_is_named_with_those_there_are(store):
    with pytest.raises(StoreError, match=r"no layer 'conv9'.*fc1"):
        store.activation("conv9")


def test_a_layer_that_was_only_pooled_says_how_to_have_it(tmp_path):
    store = tiny_store(tmp_path / "run", keep=[])
    assert [layer.kept for layer in store.layers] == [False, False, True, True, True]
    with pytest.raises(StoreError, match=r"only pooled.*keep"):
        store.activation("conv")


def test_nothing_is_read_before_it_is_asked_for(store):
    lazy = store.activation("conv")
    assert not lazy.variable._in_memory
    assert not lazy[5:9, 1].variable._in_memory


indexers = st.one_of(
    st.integers(-COUNT, COUNT - 1),
    st.slices(COUNT),
    st.lists(st.integers(0, COUNT - 1), max_size=8).map(lambda numbers: np.array(numbers, np.int64)),
)
inner = st.one_of(st.integers(-4, 3), st.slices(4), st.just(slice(None)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=indexers, channel=inner, y=inner)
def test_any_indexing_equals_numpys(store, rows, channel, y):
    lazy = store.activation("conv")
    eager = lazy.copy(data=lazy.values)
    xr.testing.assert_identical(lazy[rows, channel, y].load(), eager[rows, channel, y])


def test_points_can_be_picked_one_by_one(store):
    lazy = store.activation("conv")
    sample, y = xr.DataArray([3, 70, 3], dims="point"), xr.DataArray([0, 7, 1], dims="point")
    eager = lazy.copy(data=lazy.values)
    xr.testing.assert_identical(lazy.isel(sample=sample, y=y).load(), eager.isel(sample=sample, y=y))


def test_selecting_by_id_equals_numpys(store, samples):
    ids = samples.ids[[9, 4, 149]]
    found = store.activation("fc1").sel(sample=ids)
    np.testing.assert_array_equal(found.values, store.activation("fc1").values[[9, 4, 149]])


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        open_store(tmp_path / "none")
    with pytest.raises(StoreError, match="is no run"):
        open_store(tmp_path)


def test_a_later_schema_is_refused(store):
    from nnlens.store.layout import check_schema

    with pytest.raises(StoreError, match="schema 99"):
        check_schema({"schema": 99})


def test_refreshing_a_complete_run_gives_the_same_store(store):
    assert store.refresh() is store


def test_metadata_cannot_be_changed_by_accident(store):
    with pytest.raises(TypeError):
        store.metadata["class_names"] = ()
    with pytest.raises(ValueError, match="read-only"):
        store.ids[0] = 5
