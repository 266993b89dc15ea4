from importlib.resources import files

import numpy as np
import pytest

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model, reopen_model
from nnlens.models.base import Model, ModelReference
from nnlens.models.zoo import NETWORKS
from nnlens.samples import load_samples


def test_digits_reads_what_it_was_never_trained_on():
    model = load_model("zoo:digits")
    samples = load_samples("digits", "test")
    predictions = model.predict(model.prepare(samples.images(slice(None)))).argmax(1)
    assert (predictions == samples.labels).mean() > 0.98
    assert model.hidden_layer == "relu3"


@pytest.mark.parametrize("name", NETWORKS)
def test_each_is_small_and_opens_again(name):
    assert len(files("nnlens.models.zoo").joinpath(f"{name}.safetensors").read_bytes()) < 500_000
    model = load_model(f"zoo:{name}")
    assert isinstance(model, Model)
    assert model.name == name
    assert model.class_count == 10
    assert model.has_logits
    assert model.notes == ()
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    assert again.fingerprint == model.fingerprint
    assert again.preprocess == model.preprocess


def test_another_preprocess_may_be_given():
    model = load_model("zoo:digits", preprocess=Preprocess(8, order="grey", mean=0.1))
    assert model.preprocess.mean == pytest.approx(0.1)
    assert model.reference.preprocess == model.preprocess


def test_an_unknown_name_lists_those_that_are_known():
    with pytest.raises(ModelError, match=r"'zoo:cats'.*zoo:digits, zoo:fashion-mnist"):
        load_model("zoo:cats")


def test_inputs_are_small_numbers():
    model = load_model("zoo:fashion-mnist")
    inputs = model.prepare(np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), np.uint8))
    assert np.abs(inputs).max() < 4
