"""Networks that others trained, and the house's own: their layers, formats and gradients, and what they score."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnlens.models import Preprocess, load_model
from nnlens.samples import load_samples

ARCHITECTURES = Path(__file__).parent.parent / "architectures"
FASHION = Path("/usr/share/datasets/fashion-mnist")


def accuracy(model, samples, batch=100):
    right = 0
    for start in range(0, len(samples), batch):
        part = slice(start, start + batch)
        right += int(
            (model.predict(model.prepare(samples.images(part))).argmax(1) == samples.labels[part]).sum()
        )
    return right / len(samples)


def open_lenet(test_data):
    path = test_data / "models" / "lenet_mnist_32.pt"
    return load_model(path, f"{ARCHITECTURES / 'lenet.py'}:LeNet")


def open_squeezenet(test_data):
    path = test_data / "models" / "squeezenet1_1_bgr.pth"
    return load_model(path, f"{ARCHITECTURES / 'squeezenet.py'}:SqueezeNet")


def open_mobilenet(test_data, ending=".keras"):
    path = test_data / "models" / f"mobilenet_v1_025_224{ending}"
    return load_model(path, preprocess=Preprocess(224, scale=1 / 127.5, mean=1))


def photos(test_data, step=1):
    """Return pictures (sample, y, x, channel) and their classes among the thousand of ImageNet."""
    rows = (test_data / "imagenet_classes.tsv").read_text().splitlines()[1:]
    classes = {synset: int(index) for index, synset, _ in (row.split("\t") for row in rows)}
    paths = sorted((test_data / "imagenette").glob("*/*"))[::step]
    pictures = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return pictures, np.array([classes[path.parent.name] for path in paths])


@pytest.mark.data
def test_lenet_has_the_layers_of_its_authors(test_data):
    model = open_lenet(test_data)
    assert [layer.name for layer in model.layers if layer.parameters] == [
        "convnet.c1", "convnet.c3", "convnet.c5", "fc.f6", "fc.f7",
    ]  # fmt: skip


@pytest.mark.data
def test_both_formats_of_keras_hold_the_same_mobilenet(test_data):
    inputs = open_mobilenet(test_data).prepare(photos(test_data, step=250)[0])
    new, old = (open_mobilenet(test_data, ending) for ending in (".keras", ".h5"))
    np.testing.assert_allclose(new.predict(inputs), old.predict(inputs), rtol=1e-4, atol=1e-4)
    assert [layer.name for layer in new.layers] == [layer.name for layer in old.layers]


@pytest.mark.data
@pytest.mark.parametrize(
    ("opened", "layer"), [(open_squeezenet, "features.9.squeeze"), (open_mobilenet, "conv_pw_6_relu")]
)
def test_gradients_of_large_networks_are_those_of_finite_differences(test_data, opened, layer):
    """The change of one logit along a direction, on two photos, against the gradient."""
    model = opened(test_data)
    inputs = model.prepare(photos(test_data, step=250)[0])
    top = lambda logits, _: np.eye(logits.shape[1], dtype=np.float32)[logits.argmax(1)]  # noqa: E731
    got = model.vjp(inputs, top, wrt=("@input", layer), keep=(layer,))
    assert got.gradients[layer].shape == got.activations[layer].shape
    chosen = got.logits.argmax(1)
    gradient = got.gradients["@input"]
    direction = gradient / np.sqrt((gradient**2).sum(axis=(1, 2, 3), keepdims=True))
    step = np.float32(1e-2 * np.abs(inputs).max())
    ahead, behind = (model.predict(inputs + sign * step * direction) for sign in (1, -1))
    slope = (ahead - behind)[np.arange(len(inputs)), chosen] / (2 * step)
    expected = (gradient * direction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(slope, expected, rtol=0.05)


@pytest.mark.data
@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_fashion_network_of_the_house_is_worth_opening():
    model = load_model("zoo:fashion-mnist")
    assert accuracy(model, load_samples("fashion-mnist", "test"), batch=250) > 0.92
    assert model.hidden_layer == "relu4"
