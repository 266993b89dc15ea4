"""Capture: what goes in, what is said of it, and what is refused."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import nnlens
from nnlens.capturing import InvalidLogitsWarning, LabelWarning, NearChanceWarning, capture
from nnlens.errors import CaptureError, StoreError
from nnlens.samples import Samples
from nnlens.samples.pixels import ArrayPixels
from nnlens.testing import tiny_images, tiny_model


def tiny_samples(count: int = 60, **options) -> Samples:
    images, labels = tiny_images(count)
    return Samples(images, **{"labels": labels, **options})


def test_progress_tells_how_far_it_is(tmp_path):
    told = []
    store = capture(tiny_model(), tiny_samples(600), tmp_path / "run", progress=told.append)
    last = told[-1]
    assert (last.done, last.total, last.remaining_seconds) == (600, 600, 0)
    assert last.accuracy == store.metadata["accuracy"] > 0.9
    assert last.bytes > 600 * 4 * 2 * 4 * 64
    assert all(before.done < after.done for before, after in pairwise(told))
    assert all(each.remaining_seconds >= 0 for each in told)


def test_a_run_records_what_went_in(tmp_path):
    model, samples = tiny_model(), tiny_samples(name="blobs", reference={"source": "blobs"})
    metadata = capture(model, samples, tmp_path / "run").metadata
    assert metadata["model"]["name"] == "tiny"
    assert metadata["model"]["fingerprint"] == model.fingerprint
    assert metadata["samples"]["fingerprint"] == samples.fingerprint
    assert metadata["samples"]["reference"] == {"source": "blobs"}
    assert metadata["preprocess"] == model.preprocess.to_dict()
    assert metadata["labelled"] == 60
    assert metadata["seconds"] > 0


def test_the_fingerprint_is_that_of_what_goes_in(tmp_path):
    def fingerprint(name, model=None, samples=None, **options):
        return capture(
            model or tiny_model(), samples or tiny_samples(), tmp_path / name, **options
        ).fingerprint

    first = fingerprint("a")
    assert fingerprint("b", batch_size=7, commit_size=8) == first
    others = [
        fingerprint("c", model=tiny_model(seed=1)),
        fingerprint("d", samples=tiny_samples(59)),
        fingerprint("e", keep=[]),
        fingerprint("f", layers=["fc1", "fc2"]),
    ]
    assert len({first, *others}) == 5


def test_accuracy_near_chance_is_warned_of(tmp_path):
    images, labels = tiny_images(60)
    rng = np.random.default_rng(0)
    with pytest.warns(NearChanceWarning, match="nnlens doctor MODEL SAMPLES"):
        store = capture(tiny_model(), Samples(images, rng.permutation(labels)), tmp_path / "run")
    assert store.metadata["near_chance"]


def test_few_or_unlabelled_samples_say_nothing_of_chance(tmp_path):
    images, labels = tiny_images(60)
    capture(tiny_model(), Samples(images[:10], (labels[:10] + 1) % 3), tmp_path / "few")
    store = capture(tiny_model(), Samples(images), tmp_path / "unlabelled")
    assert store.metadata["accuracy"] is None
    assert np.isnan(store.samples["loss"]).all()
    assert (store.samples["label"] == -1).all()


def test_logits_that_are_no_numbers_are_invalid_not_class_0(tmp_path):
    images, labels = tiny_images(60)
    images[:5, 0, 0] = 255  # what makes the tiny model say NaN
    with pytest.warns(InvalidLogitsWarning, match="5 samples have logits that are not finite"):
        store = capture(tiny_model(), Samples(images, labels), tmp_path / "run")
    assert (store.samples["prediction"][:5] == -1).all()
    assert np.isnan(store.samples["loss"][:5]).all()
    assert np.isfinite(store.samples["loss"][5:]).all()
    assert np.isnan(store.samples["logit"][:5]).all()
    assert store.verify().ok


def test_labels_beyond_the_outputs_are_counted(tmp_path):
    images, labels = tiny_images(60)
    labels[:4] = 7
    names = [f"class {index}" for index in range(8)]
    with pytest.warns(LabelWarning, match="4 samples have a label"):
        store = capture(tiny_model(), Samples(images, labels, class_names=names), tmp_path / "run")
    assert np.isnan(store.samples["loss"][:4]).all()
    assert store.samples["label"][:4].values.tolist() == [7] * 4
    assert store.class_names == tuple(names)


def test_outputs_without_a_name_get_one(tmp_path):
    images, _ = tiny_images(6)
    store = capture(tiny_model(), Samples(images, class_names=["cat"]), tmp_path / "run")
    assert store.class_names == ("cat", "output 1", "output 2")


@pytest.mark.parametrize("count", [1, 2, 5, 63, 64, 65])
def test_any_number_of_samples_fits(tmp_path, count):
    images, labels = tiny_images(count)
    store = capture(tiny_model(), Samples(images, labels), tmp_path / "run", commit_size=16, batch_size=5)
    assert store.committed == count
    assert store.verify().ok
    np.testing.assert_array_equal(store.images(np.arange(count)), images)


def test_color_images_and_paths_are_stored(tmp_path):
    rng = np.random.default_rng(0)
    pixels = ArrayPixels(rng.integers(0, 255, (20, 8, 8, 3)).astype(np.uint8))
    pixels.paths = tuple(f"folder/{index} ü.png" for index in range(20))
    samples = Samples(pixels)
    store = capture(tiny_model(), samples, tmp_path / "run")
    np.testing.assert_array_equal(store.samples["image"], samples.images(slice(None)))
    assert store.samples["path"].values.tolist() == list(samples.paths)


def test_many_large_images_are_stored_as_thumbnails(tmp_path, monkeypatch):
    from nnlens.capturing import plan

    monkeypatch.setattr(plan, "IMAGE_BYTES", 1000)
    images = np.zeros((3, 100, 200, 3), np.uint8)
    images[:, :, 100:] = 200
    model = tiny_model()
    model.prepare = lambda images: np.zeros((len(images), 1, 8, 8), np.float32)
    store = capture(model, Samples(images), tmp_path / "run")
    assert store.images([0]).shape == (1, 32, 64, 3)
    assert store.images([0])[0, 16, [10, 50], 0].tolist() == [0, 200]
    assert store.metadata["thumbnails"]
    assert store.metadata["samples"]["image_shape"] == [100, 200, 3]


def test_hostile_layer_names_are_only_names(tmp_path):
    from dataclasses import replace

    model = tiny_model()
    hostile = ["..", "a\\b", "zarr.json", "n" * 300, "c/0.0"]
    inner = model.activations
    model.layers = tuple(replace(layer, name=name) for layer, name in zip(model.layers, hostile, strict=True))
    own = dict(zip(hostile, ["conv", "relu1", "fc1", "relu2", "fc2"], strict=True))

    def activations(inputs, layers, pooled=(), exact=True):
        assert not pooled
        found = inner(inputs, [own.get(layer, layer) for layer in layers])
        return {layer: found[own.get(layer, layer)] for layer in layers}

    model.activations = activations
    store = capture(model, tiny_samples(), tmp_path / "run")
    assert [layer.name for layer in store.layers] == hostile
    assert [store.activation(name).shape[0] for name in hostile] == [60] * 5
    assert store.verify().ok
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_a_run_is_not_written_over(tmp_path):
    capture(tiny_model(), tiny_samples(), tmp_path / "run")
    with pytest.raises(CaptureError, match=r"holds a run already, with 60 of 60 .*resume"):
        capture(tiny_model(), tiny_samples(), tmp_path / "run")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="not empty"):
        capture(tiny_model(), tiny_samples(), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_what_cannot_become_a_run_is_refused(tmp_path):
    images, labels = tiny_images(4)
    with pytest.raises(CaptureError, match="same id"):
        capture(tiny_model(), Samples(images, labels, ids=[1, 2, 2, 3]), tmp_path / "run")
    with pytest.raises(CaptureError, match=r"no layer 'fc9'.*conv"):
        capture(tiny_model(), Samples(images, labels), tmp_path / "run", layers=["fc9"])
    assert not (tmp_path / "run").exists()


def test_too_little_space_is_said_before(tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 1000))
    with pytest.raises(CaptureError, match=r"needs .* and the disk has 1 kB.*keep less"):
        capture(tiny_model(), tiny_samples(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_public_door_captures(tmp_path):
    images, labels = tiny_images(30)
    store = nnlens.capture(tiny_model(), nnlens.load_samples((images, labels)), str(tmp_path / "run"))
    assert nnlens.open_store(str(tmp_path / "run")).fingerprint == store.fingerprint


def test_references_are_enough(tmp_path):
    pytest.importorskip("torch", reason="the digits network is a torch one")
    from nnlens.capturing import capture_from_references

    model = nnlens.load_model("zoo:digits")
    samples = nnlens.load_samples("digits", limit=20)
    request = {
        "model": model.reference.to_dict(),
        "samples": samples.reference,
        "path": str(tmp_path / "run"),
        "options": {"keep": []},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearChanceWarning)
        store = capture_from_references(request)
    assert store.committed == 20
    assert store.metadata["model"]["fingerprint"] == model.fingerprint
    assert store.metadata["samples"]["fingerprint"] == samples.fingerprint


def test_a_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert capture(tiny_model(), tiny_samples(), Path("run")).name == "run"


def test_names_are_to_be_opened_first(tmp_path):
    with pytest.raises(CaptureError, match="load_model"):
        capture("zoo:digits", tiny_samples(), tmp_path / "run")
    with pytest.raises(CaptureError, match="load_samples"):
        capture(tiny_model(), "digits", tmp_path / "run")
    with pytest.raises(CaptureError, match="NoneType is no path"):
        capture(tiny_model(), tiny_samples(), None)
