"""Weights from outside of a run: what they make of a picture is what a run of their own makes of the sample."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnlens
from nnlens import Lens, capture, load_model, load_samples
from nnlens.capturing.caution import NearChanceWarning
from nnlens.errors import JobError, ModelError
from nnlens.lens import tasks
from nnlens.lens import weights as module
from nnlens.lens.explaining import submit_explained
from nnlens.lens.outside import submit_outside
from nnlens.lens.weights import LARGEST_HERE, LARGEST_WEIGHTS, Weights, check_weights, forget, submit_weights

torch = pytest.importorskip("torch", reason="torch is an extra")
from safetensors.torch import save_file  # noqa: E402

METHODS = [("saliency", {}), ("gradcam", {"layer": "conv1"}), ("guided-backprop", {"target": 3})]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def lens(folder):
    model = load_model("zoo:digits")
    return Lens(capture(model, load_samples("digits", "test", limit=40), folder / "run"), model)


@pytest.fixture(scope="module")
def file(lens, folder):
    state = lens.model.randomized(seed=3).module.state_dict()
    save_file(state, folder / "other.safetensors")
    return folder / "other.safetensors"


@pytest.fixture(scope="module")
def other(file, folder):
    """A run of the same samples through the network that is opened from the file by itself."""
    model = load_model(file, "nnlens.models.torch.networks:digits")
    with pytest.warns(NearChanceWarning):  # its weights are drawn
        run = capture(model, load_samples("digits", "test", limit=40), folder / "other")
    return Lens(run, model)


@pytest.fixture(scope="module")
def picture(lens):
    sample = int(lens.store.ids[7])
    out = io.BytesIO()
    Image.fromarray(lens.store.images([sample])[0, ..., 0]).save(out, "PNG")
    return sample, out.getvalue()


def test_a_job_gives_what_a_run_of_their_own_gives(lens, other, file, picture):
    sample, content = picture
    weights = submit_weights(lens, file).result(timeout=120)
    assert weights.path == file and weights.model is None and not weights.notes
    seen = submit_outside(lens, content, "fc1", weights).result(timeout=120)
    inputs = other.model.prepare(other.store.images([sample]))
    np.testing.assert_array_equal(seen.logits, other.model.predict(inputs)[0])
    np.testing.assert_array_equal(seen.vector, other.model.activations(inputs, ["fc1"])["fc1"][0])
    for method, asked in METHODS:
        found = submit_explained(lens, content, method, weights=weights, **asked).result(timeout=120)
        expected = other.run(method, sample=[sample], **asked)
        own = lens.run(method, sample=[sample], **asked)
        np.testing.assert_array_equal(found["attribution"], expected["attribution"])
        assert np.abs(found["attribution"].values - own["attribution"].values).max() > 0.01
        still = submit_explained(lens, content, method, **asked).result(timeout=120)
        np.testing.assert_array_equal(still["attribution"], own["attribution"])
    assert not [info for info in lens.results() if info.analysis.endswith("saliency")], "nothing is kept"


def test_a_script_gives_the_same_and_the_model_stays(lens, other, file, picture):
    sample, content = picture
    before = {name: value.clone() for name, value in lens.model.module.state_dict().items()}
    model = nnlens.with_weights(lens.model, file)
    for method, asked in METHODS:
        found = lens.outside(content, method, model=model, **asked)
        expected = other.run(method, sample=[sample], **asked)
        np.testing.assert_array_equal(found["attribution"], expected["attribution"])
        own = lens.outside(content, method, **asked)
        assert own.attrs["key"] != found.attrs["key"], "what is remembered of one is not taken for the other"
    assert all(torch.equal(value, before[name]) for name, value in lens.model.module.state_dict().items())
    with pytest.raises(ModelError, match="other layers than the network of the run"):
        lens.outside(content, "saliency", model=load_model("zoo:fashion-mnist"))


def test_a_live_model_takes_them_in_a_thread(lens, other, file, picture):
    sample, content = picture
    network = load_model("zoo:digits").module
    live = Lens(lens.store, network)
    assert live.model.reference is None
    weights = submit_weights(live, file).result(timeout=60)
    assert (
        weights.model.fingerprint == other.model.fingerprint
        and live.model.fingerprint == lens.model.fingerprint
    )
    seen = submit_outside(live, content, "fc1", weights).result(timeout=60)
    np.testing.assert_array_equal(
        seen.logits, other.model.predict(other.model.prepare(other.store.images([sample])))[0]
    )
    found = submit_explained(live, content, "saliency", weights=weights).result(timeout=60)
    np.testing.assert_array_equal(found["attribution"], other.run("saliency", sample=[sample])["attribution"])
    forget(live, weights)  # nothing in another process


def test_weights_that_do_not_fit_are_named_by_the_job(lens, folder):
    state = lens.model.module.state_dict()
    torch.save({**state, "fc1.weight": torch.zeros(16, 512)}, folder / "narrow.pth")
    with pytest.raises(JobError, match=r"fc1\.weight is \(16, 512\) in the file") as caught:
        submit_weights(lens, folder / "narrow.pth").result(timeout=120)
    assert "same architecture" in caught.value.hint and str(folder) not in str(caught.value)


def test_what_cannot_be_is_said_before_anything_is_read(lens, folder):
    blind = Lens(lens.store)
    onnx = Lens(lens.store)
    onnx.model = type("Onnx", (), {"framework": "onnx"})()
    live = Lens(lens.store, lens.model.module)
    check_weights(lens, "net.pth", LARGEST_HERE + 1)
    for asked, name, size, words in (
        (lens, "net.py", 10, "Python is never run"),
        (lens, "net.pth", LARGEST_WEIGHTS + 1, "at most 268 MB"),
        (live, "net.pth", LARGEST_HERE + 1, "at most 64 MB"),
        (lens, "net.pth", 0, "is empty"),
        (blind, "net.pth", 10, r"without its network.*--model"),
        (onnx, "net.pth", 10, "ONNX cannot be given other weights"),
    ):
        with pytest.raises(ModelError, match=words):
            check_weights(asked, name, size)


@pytest.fixture
def kept(monkeypatch):
    """What a worker keeps, in this process."""
    monkeypatch.setattr(module, "_kept", type(module._kept)())
    monkeypatch.setattr(tasks, "_models", {})
    return module._kept


def test_a_worker_keeps_few_networks_and_forgets_those_whose_files_are_gone(kept, lens, file, tmp_path):
    paths = [tmp_path / f"{place}.safetensors" for place in range(4)]
    reference = lens.model.reference.to_dict()
    for path in paths:
        path.write_bytes(file.read_bytes())
        assert tasks.weights({"model": reference, "weights": str(path)}, None) == {"notes": ()}
    assert list(kept) == [str(path) for path in paths[2:]]
    first = kept[str(paths[2])]
    tasks.weights({"model": reference, "weights": str(paths[2])}, None)
    assert kept[str(paths[2])] is first, "what is kept is not read again"
    paths[3].unlink()
    tasks.forget({}, None)
    assert list(kept) == [str(paths[2])]


def test_to_forget_asks_the_process_that_holds_the_model(lens):
    asked = []
    jobs = type("Jobs", (), {"tell": lambda self, owner, task: asked.append((owner, task.function))})()
    forget(Lens(lens.store, lens.model, jobs=jobs), Weights(Path("gone.pth")))
    assert [function for _, function in asked] == ["nnlens.lens.tasks:forget"]
    assert "zoo:digits" in asked[0][0]


@pytest.mark.slow  # TensorFlow alone takes six seconds to come
def test_keras_gives_what_a_run_of_their_own_gives(folder, picture):
    keras = pytest.importorskip("keras", reason="Keras is an extra")
    sample, content = picture

    def network(seed):
        keras.utils.set_random_seed(seed)
        conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
        parts = [keras.Input((8, 8, 1)), conv, keras.layers.Flatten(), keras.layers.Dense(10, name="fc")]
        return keras.Sequential(parts)

    def run(source, name, **options):
        model = load_model(source, preprocess=nnlens.Preprocess(8, order="grey"), **options)
        with pytest.warns(NearChanceWarning):  # nobody trained it
            return Lens(capture(model, load_samples("digits", "test", limit=40), folder / name), model)

    file = folder / "other.weights.h5"
    network(1).save_weights(file)
    lens, other = run(network(0), "keras"), run(file, "other keras", architecture=lambda: network(0))
    before = lens.model.model.get_weights()
    weights = submit_weights(lens, file).result(timeout=60)
    seen = submit_outside(lens, content, "fc", weights).result(timeout=60)
    inputs = other.model.prepare(other.store.images([sample]))
    np.testing.assert_array_equal(seen.logits, other.model.predict(inputs)[0])
    for method, asked in (("saliency", {}), ("gradcam", {"layer": "conv"})):
        found = submit_explained(lens, content, method, weights=weights, **asked).result(timeout=60)
        expected = other.run(method, sample=[sample], **asked)
        np.testing.assert_array_equal(found["attribution"], expected["attribution"])
        assert not np.array_equal(
            found["attribution"], lens.run(method, sample=[sample], **asked)["attribution"]
        )
    for value, still in zip(before, lens.model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, still)
