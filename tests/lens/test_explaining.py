"""A picture from outside is explained as if it were in the run, by every method; and what cannot be is named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import nnlens
from nnlens import Lens, capture, load_model, load_samples
from nnlens.errors import AnalysisError, JobError, SamplesError
from nnlens.lens.explaining import submit_explained
from nnlens.lens.outside import LARGEST_FILE
from nnlens.registry import current
from nnlens.samples.folder import read_folder

pytest.importorskip("torch", reason="torch is an extra")

FORMS = ("sample", "y", "x"), ("sample", "channel", "y", "x")
METHODS = sorted(
    {
        info.id
        for form in FORMS
        for info in current().providers("attribution", form)
        if current().load_analysis(info.id).scope == "sample"
    }
)


@pytest.fixture(scope="module")
def lens(tmp_path_factory):
    model = load_model("zoo:digits")
    run = capture(model, load_samples("digits", "test", limit=40), tmp_path_factory.mktemp("r") / "run")
    return Lens(run, model)


@pytest.fixture(scope="module")
def picture(lens):
    """A sample of the run, and its picture as a file."""
    sample = int(lens.store.ids[7])
    out = io.BytesIO()
    Image.fromarray(lens.store.images([sample])[0, ..., 0]).save(out, "PNG")
    return sample, out.getvalue()


def same(found: xr.Dataset, expected: xr.Dataset) -> None:
    for name in expected.data_vars:
        np.testing.assert_allclose(found[name].values, expected[name].values, rtol=1e-5, atol=1e-6)
    for name in ("title", "caption", "layer", "parameters", "analysis"):
        assert found.attrs[name] == expected.attrs[name]


def test_there_are_methods():
    assert len(METHODS) >= 10


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_that_comes_as_a_file_has_the_map_of_the_sample(lens, picture, method):
    sample, content = picture
    asked = [{}, {"target": 3}]
    if lens.wants_layer(method):
        asked.append({"layer": "conv1", "target": "fc1:4"})
    for request in asked:
        found = lens.outside(content, method, **request)
        same(found, lens.run(method, sample=[sample], **request))
    other = lens.run(method, sample=[int(lens.store.ids[9])], **request)
    assert not np.allclose(found["attribution"], other["attribution"]), "another picture has another map"


def test_a_job_gives_the_same_and_keeps_nothing(lens, picture):
    sample, content = picture
    before = sorted(lens.store.path.rglob("*"))
    request = {"layer": "conv1", "target": 2}
    job = submit_explained(lens, content, METHODS[0], **({} if not lens.wants_layer(METHODS[0]) else request))
    again = submit_explained(lens, content, "occlusion", patch=0.4, target=2)
    same(again.result(timeout=120), lens.run("occlusion", sample=[sample], patch=0.4, target=2))
    assert job.result(timeout=120)["attribution"].sizes["sample"] == 1
    assert sorted(lens.store.path.rglob("*")) == before
    assert job.key != again.key


def test_a_live_model_explains_in_a_thread(lens, picture):
    sample, content = picture
    live = Lens(lens.store, lens.model.module)
    assert live.model.reference is None
    found = submit_explained(live, content, "saliency").result(timeout=120)
    same(found, lens.run("saliency", sample=[sample]))
    with pytest.raises(JobError, match="web page"):
        submit_explained(live, b"<!doctype html>nothing", "saliency").result(timeout=120)


def test_of_large_images_it_is_the_map_of_what_the_network_saw(tmp_path):
    noise = np.random.default_rng(0)
    for index, size in enumerate([(8, 8), (9, 30), (64, 40), (100, 100)]):
        (tmp_path / "pictures" / "ab"[index % 2]).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(noise.integers(0, 255, size, np.uint8))
        image.save(tmp_path / "pictures" / "ab"[index % 2] / f"{index}.png")
    model, samples = load_model("zoo:digits"), read_folder(tmp_path / "pictures", "train", "pictures")
    lens = Lens(capture(model, samples, tmp_path / "run", keep=[]), model, samples=samples)
    assert lens.store.metadata["thumbnails"]
    for sample, path in zip(lens.store.ids, lens.store.samples["path"].values, strict=True):
        found = lens.outside(tmp_path / "pictures" / str(path), "saliency")
        same(found, lens.run("saliency", sample=[int(sample)]))


class Handed(nnlens.Analysis):
    """Hand through what a sample has."""

    scope = "sample"
    requires = {"image": ("sample", "y", "x", "channel")}
    provides = {"size": ("sample",)}
    needs_layer = True

    def compute(self, data, context):
        own = {name: (data[name].dims, data[name].values) for name in self.requires}
        return xr.Dataset({**own, "size": ("sample", np.ones(1))}, {"sample": data["sample"].values})


class HandedInput(Handed):
    requires = {"input": ("sample", "channel", "y", "x"), "logit": ("sample", "class_")}


class HandedActivation(Handed):
    requires = {"activation": ("sample", "..."), "prediction": ("sample",)}


class HandedPooled(Handed):
    requires = {"pooled": ("sample", "channel")}


class Labelled(Handed):
    requires = {"label": ("sample",), "loss": ("sample",)}


class Whole(Handed):
    requires = {"axis": ("component", "channel")}


OWN = Handed, HandedInput, HandedActivation, HandedPooled, Labelled, Whole


@pytest.fixture(scope="module")
def own(lens):
    registry = current()
    for cls in OWN:
        registry.register(cls)
    return Lens(lens.store, lens.model, registry)


@pytest.mark.parametrize("layer", ["fc1", "conv1", "@input", "@logits"])
def test_all_that_is_known_of_a_sample_is_known_of_the_picture(own, picture, layer):
    sample, content = picture
    for info in own.registry.providers("size", ("sample",)):
        cls = own.registry.load_analysis(info.id)
        if cls in (Labelled, Whole):
            continue
        found = own.outside(content, info.id, layer=layer)
        expected = own.run(info.id, sample=[sample], layer=layer)
        assert set(found.data_vars) == {*cls.requires, "size"}
        for name in found.data_vars:
            np.testing.assert_allclose(found[name].values, expected[name].values, rtol=1e-4, atol=1e-4)


def test_what_a_picture_has_no_part_in_is_named(lens, own, picture, tmp_path):
    _, content = picture
    for analysis, asked, words in (
        ("saliency", {"sample": [1]}, "no sample of the run"),
        ("saliency", {"target": "label"}, "has no labels"),
        ("saliency", {"target": 10}, "target"),
        ("saliency", {"wrong": 1}, "no parameter 'wrong'"),
        ("gradcam", {"layer": "nothing"}, "nothing"),
        ("pca", {}, "not about a single sample"),
        ("labelled", {"layer": "fc1"}, "label and loss of a sample"),
        ("whole", {"layer": "fc1"}, "of the whole run"),
    ):
        with pytest.raises(AnalysisError, match=words):
            own.outside(content, analysis, **asked)
    for analysis in ("pca", "labelled", "whole"):
        with pytest.raises(AnalysisError):
            submit_explained(own, content, analysis, layer="fc1")
    with pytest.raises(AnalysisError, match="needs the model"):
        submit_explained(Lens(lens.store), content, "saliency")
    for wrong, words in (
        (b"", "is empty"),
        (b"x" * (LARGEST_FILE + 1), "at most 8 MB"),
        (b"nothing", "is no picture"),
        (tmp_path / "missing.png", "missing.png cannot be read"),
    ):
        with pytest.raises(SamplesError, match=words):
            lens.outside(wrong, "saliency")
