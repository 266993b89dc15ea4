"""What can be explained: a class, the label, a unit or channel of a layer; each in one form, or refused in words."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nnlens
from nnlens.errors import AnalysisError
from nnlens.lens.requesting import from_dict, to_dict
from nnlens.models.base import LayerInfo
from nnlens.samples import Samples
from nnlens.testing import tiny_images, tiny_model

CLASSES = "They go from 0 to 2"


def target_of(lens, target, **arguments):
    return lens.request("gradient", **{"sample": [0], "target": target} | arguments).target


@pytest.mark.parametrize("target", [None, 0, 2, "label", "fc1:11", "conv:3", "fc2:0"])
def test_what_the_run_has_can_be_a_target(lens, target):
    assert target_of(lens, target) == target


def test_a_layer_is_named_by_its_own_name_and_may_hold_colons(lens, monkeypatch):
    odd = LayerInfo("block:1:conv", "Conv", (2, 8, 8), aliases=("a:b",))
    monkeypatch.setattr(lens.store, "graph", (*lens.store.graph, odd))
    assert target_of(lens, "block:1:conv:1") == "block:1:conv:1"
    assert target_of(lens, "a:b:1") == "block:1:conv:1"
    assert target_of(lens, "conv:01") == "conv:1"
    assert target_of(lens, np.int64(1)) == 1
    assert lens.key(lens.request("gradient", sample=0, target="a:b:1")) == lens.key(
        lens.request("gradient", sample=0, target="block:1:conv:1")
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (-1, CLASSES),
        (3, CLASSES),
        (1.5, CLASSES),
        (True, CLASSES),
        ([1], CLASSES),
        ("lable", "no target 'lable'. It is a class by its number, 'label' .* or LAYER:INDEX"),
        ("1", "The class of this name is 1: give the number"),
        ("fc9:0", r"no layer 'fc9'. Did you mean fc\d or fc\d\? It has: conv, .*fc2\."),
        ("conv:4", "no channel of conv 4. They go from 0 to 3"),
        ("fc1:12", "no unit of fc1 12. They go from 0 to 11"),
        ("conv:-1", "They go from 0 to 3"),
        ("conv:", "They go from 0 to 3"),
        ("conv:x", "They go from 0 to 3"),
        ("conv:\u00b2", "They go from 0 to 3"),
        ("@logits:0", "no layer '@logits'"),
        (":0", "no layer ''"),
    ],
)
def test_what_the_run_has_not_is_refused_with_what_it_has(lens, target, words):
    with pytest.raises(AnalysisError, match=words):
        target_of(lens, target)


def test_a_target_makes_a_key_of_its_own_and_survives_its_way_to_another_process(lens):
    requests = [lens.request("gradient", sample=[0], target=each) for each in (None, 1, "label", "conv:1")]
    assert len({lens.key(request) for request in requests}) == 4
    for request in requests:
        assert from_dict(lens.store, lens.registry, json.loads(json.dumps(to_dict(request)))) == request


def test_what_explains_the_label_gets_it_and_nobody_else_does(lens, registry):
    seen = []

    class Told(nnlens.Analysis):
        """Look at what comes."""

        scope = "sample"
        requires = {"image": ("sample", "y", "x", "channel")}
        provides = {"told": ("sample",)}

        def compute(self, data, context):
            seen.append(set(data.data_vars))
            return data.get("label", data["sample"]).to_dataset(name="told").reset_coords(drop=True).load()

    registry.register(Told)
    told = lens.run("told", sample=[4, 5], target="label")["told"]
    np.testing.assert_array_equal(told, lens.store.samples["label"].sel(sample=[4, 5]))
    lens.run("told", sample=[4, 5])
    assert seen == [{"image", "label"}, {"image"}]


def test_without_labels_there_is_none_to_explain(lens, registry, tmp_path):
    images, labels = tiny_images(12)
    labels[3:5] = -1
    some = nnlens.capture(tiny_model(), Samples(images, labels), tmp_path / "some")
    none = nnlens.capture(tiny_model(), Samples(images), tmp_path / "none")
    assert target_of(nnlens.Lens(some, registry=registry), "label", sample=[2, 3]) == "label"
    with pytest.raises(AnalysisError, match="None of these samples has a label"):
        target_of(nnlens.Lens(some, registry=registry), "label", sample=[3, 4])
    with pytest.raises(AnalysisError, match=r"'none' has no labels to explain. Give a class by its number"):
        target_of(nnlens.Lens(none, registry=registry), "label")
