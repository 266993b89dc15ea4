"""What an analysis sees of large images: those of the data set, brought to the network's size, and no thumbnails."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import nnlens
from nnlens.capturing import capture
from nnlens.errors import AnalysisError
from nnlens.samples.base import Samples
from nnlens.samples.folder import read_folder


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("torch", reason="torch is an extra")
    return nnlens.load_model("zoo:digits")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six pictures of five sizes in two classes."""
    root = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for index, size in enumerate([(8, 8), (9, 30), (64, 40), (100, 100), (8, 8), (31, 17)]):
        path = root / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noise.integers(0, 255, size, np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def run(model, pictures, tmp_path_factory):
    samples = read_folder(pictures, "train", "pictures")
    return capture(model, samples, tmp_path_factory.mktemp("runs") / "run", keep=[])


@pytest.mark.parametrize("analysis", ["saliency", "gradcam"])
def test_attributions_are_those_of_the_whole_images(model, pictures, run, tmp_path, analysis):
    assert run.metadata["thumbnails"]
    samples = read_folder(pictures, "train", "pictures")
    lens = nnlens.Lens(run, model, samples=samples)
    asked = [0, 3, 4]
    found = lens.run(analysis, sample=asked, target=7)["attribution"]
    # the same through a run that holds in full what the network saw
    placed = Samples(model.preprocess.place(samples.images(slice(None))), samples.labels)
    whole = capture(model, placed, tmp_path / "whole", keep=[])
    expected = nnlens.Lens(whole, model).run(analysis, sample=asked, target=7)["attribution"]
    np.testing.assert_array_equal(found.values, expected.values)
    assert found["sample"].values.tolist() == asked


def test_layers_on_demand_are_those_of_the_capture(model, pictures, run, tmp_path):
    samples = read_folder(pictures, "train", "pictures")
    full = capture(model, samples, tmp_path / "full", keep="all")
    layer = next(layer.name for layer in full.layers if layer.info.spatial)
    lens = nnlens.Lens(run, model, samples=samples)
    computed = lens.runner._assembler._activations(layer, np.arange(len(samples)), mean=False)
    np.testing.assert_allclose(computed, full.activation(layer).values, rtol=1e-5, atol=1e-6)


def test_another_data_set_is_refused(model, pictures, run):
    other = read_folder(pictures, "train", "pictures").take(5)
    with pytest.raises(AnalysisError, match="not the one that the run was captured from"):
        nnlens.Lens(run, model, samples=other).run("saliency", sample=[0])


def test_without_the_data_set_it_says_what_to_give(model, run):
    with pytest.raises(AnalysisError, match=r"holds thumbnails.*samples=nnlens.load_samples"):
        nnlens.Lens(run, model).run("saliency", sample=[0])


def test_ids_need_not_be_in_order(model, tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 255, (4, 12, 12, 1), np.uint8)
    samples = Samples(images, ids=[7, 3, 9, 1])
    monkeypatch.setattr("nnlens.capturing.plan.IMAGE_SIDE", 4)
    monkeypatch.setattr("nnlens.capturing.plan.IMAGE_BYTES", 10)
    lens = nnlens.Lens(capture(model, samples, tmp_path / "run", keep=[]), model, samples=samples)
    read = lens.runner._assembler.inputs.read(np.array([9, 7, 1]))
    assert np.array_equal(read, model.preprocess.place(images[[2, 0, 3]]))


def test_to_place_once_more_changes_nothing(model, pictures):
    images = read_folder(pictures, "train", "pictures").images(slice(None))
    placed = model.preprocess.place(images)
    assert placed.shape == (6, 8, 8, 1)
    assert np.array_equal(model.preprocess.place(placed), placed)
    assert np.array_equal(model.prepare(placed), model.prepare(images))
