"""Networks that others trained, captured: the accuracy is the one that was measured, and nothing warns of it."""

from pathlib import Path

import numpy as np
import pytest

from nnlens.capturing import PreprocessWarning, capture
from nnlens.models import Preprocess, load_model
from nnlens.samples import load_samples, places

ARCHITECTURES = Path(__file__).parent.parent / "architectures"
LENET = f"{ARCHITECTURES / 'lenet.py'}:LeNet"
SQUEEZENET = f"{ARCHITECTURES / 'squeezenet.py'}:SqueezeNet"
CAFFE = Preprocess(227, scale=1, mean=(104, 117, 123), order="BGR")
SIGNED = Preprocess(224, scale=1 / 127.5, mean=1)
GREY28, PADDED = Preprocess(28, order="grey"), Preprocess(32, fit="pad", order="grey")
STRETCHED = Preprocess(32, mean=0.1307, std=0.3081, order="grey")

ON_DIGITS = {  # architecture, preprocessing, accuracy, how near it must be, hidden layer
    "lenet_mnist_32.pt": (LENET, STRETCHED, 0.9904, 0.002, "fc.relu6"),
    "mnist_cnn_keras214_weights.h5": ("mnist_cnn_keras214.json", GREY28, 0.9919, 0.0005, "dense_1"),
    "mnist_lenet60_keras224.h5": (None, PADDED, 0.9922, 0.0005, "dense_1"),
}
ON_PHOTOS = {  # architecture, preprocessing, accuracy, that of the best five, and how near both must be
    "squeezenet1_1_bgr.pth": (SQUEEZENET, CAFFE, 0.570, 0.826, 0.005),
    "mobilenet_v1_025_224.keras": (None, SIGNED, 0.536, 0.792, 0.003),
    "mobilenet_v1_025_224.h5": (None, SIGNED, 0.536, 0.792, 0.003),
}


@pytest.fixture(autouse=True)
def all_the_time(monkeypatch):
    """On a busy machine there would be too little for a look at other preprocessings."""
    monkeypatch.setattr("nnlens.capturing.alarm.SECONDS", 300)


pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture
def mnist(test_data, monkeypatch):
    monkeypatch.setenv(places.VARIABLE, str(test_data))
    return load_samples("mnist", "test")


@pytest.fixture
def opened(test_data):
    folder = test_data / "models"

    def opened(name, architecture, preprocess):
        if architecture is not None and architecture.endswith(".json"):
            architecture = str(folder / architecture)
        return load_model(folder / name, architecture, preprocess)

    return opened


@pytest.mark.parametrize("name", ON_DIGITS)
def test_digits_are_captured_as_well_as_was_measured(opened, mnist, tmp_path, name):
    architecture, preprocess, accuracy, near, hidden = ON_DIGITS[name]
    model = opened(name, architecture, preprocess)
    store = capture(model, mnist, tmp_path / "run", keep=[])
    assert store.metadata["accuracy"] == pytest.approx(accuracy, abs=near)
    right = store.samples["logit"].values.argmax(axis=1) == mnist.labels
    assert right.mean() == pytest.approx(store.metadata["accuracy"])
    assert model.hidden_layer == hidden


@pytest.mark.parametrize("name", ON_PHOTOS)
def test_photos_are_captured_as_well_as_was_measured(opened, test_data, tmp_path, name):
    architecture, preprocess, accuracy, among_five, near = ON_PHOTOS[name]
    samples = load_samples(test_data / "imagenette")
    store = capture(opened(name, architecture, preprocess), samples, tmp_path / "run", keep=[])
    assert store.metadata["accuracy"] == pytest.approx(accuracy, abs=near)
    assert store.metadata["labelled"] == 500
    best = np.argsort(-store.samples["logit"].values, axis=1)[:, :5]
    label = store.samples["label"].values[:, None]
    assert (best[:, :1] == label).mean() == pytest.approx(store.metadata["accuracy"])
    assert (best == label).any(axis=1).mean() == pytest.approx(among_five, abs=near)


def test_mobilenet_needs_no_options(opened, test_data, tmp_path):
    """Its name says how its images are prepared."""
    model = opened("mobilenet_v1_025_224.keras", None, None)
    assert model.preprocess == SIGNED or model.preprocess == Preprocess((224, 224), scale=1 / 127.5, mean=1)
    assert any("guessed from the name" in note for note in model.notes)


def test_what_costs_little_warns_of_nothing(opened, mnist, tmp_path):
    padded = Preprocess(32, fit="pad", mean=0.1307, std=0.3081, order="grey")
    store = capture(opened("lenet_mnist_32.pt", LENET, padded), mnist, tmp_path / "run", keep=[])
    assert store.metadata["accuracy"] == pytest.approx(0.9838, abs=0.001)


@pytest.mark.parametrize(
    ("name", "architecture", "fit"),
    [("lenet_mnist_32.pt", LENET, "stretch"), ("mnist_lenet60_keras224.h5", None, "pad")],
)
def test_a_wrong_scale_is_told_with_options_that_make_it_right(
    opened, mnist, tmp_path, name, architecture, fit
):
    samples = mnist.take(1000, seed=0)
    wrong = opened(name, architecture, Preprocess(32, fit, scale=1e-4, order="grey"))
    with pytest.warns(PreprocessWarning, match="nnlens doctor MODEL SAMPLES") as caught:
        capture(wrong, samples, tmp_path / "wrong", keep=[])
    words = str(caught[0].message).split(" with ")[1].split(" (")[0].split()
    given = dict(zip([word.removeprefix("--") for word in words[::2]], words[1::2], strict=True))
    scale = {"1": 1.0, "1/255": 1 / 255, "1/127.5": 1 / 127.5}[given.pop("scale")]
    values = {name: float(given.pop(name)) for name in ("mean", "std")}
    right = opened(name, architecture, Preprocess(32, scale=scale, **values, **given))
    assert capture(right, samples, tmp_path / "right", keep=[]).metadata["accuracy"] > 0.97


def test_a_wrong_order_of_colors_is_told(opened, test_data, tmp_path):
    wrong = Preprocess(224, scale=1)
    model = opened("mobilenet_v1_025_224.keras", None, wrong)
    samples = load_samples(test_data / "imagenette")
    with pytest.warns(PreprocessWarning, match=r"--scale 1/127\.5 --mean 1 --std 1 --order RGB"):
        capture(model, samples, tmp_path / "run", keep=[])
