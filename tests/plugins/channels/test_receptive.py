"""What places see, against moving every pixel by itself, in networks of several architectures."""

import functools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from nnlens_channels.receptive import PictureSize, ReceptiveField, spans

from nnlens import Preprocess, load_model
from nnlens.analysis import Context, Request
from nnlens.errors import AnalysisError, ModelError
from nnlens.models.base import layer_named
from nnlens.testing import TinyModel, tiny_images

torch = pytest.importorskip("torch", reason="torch is an extra")
nn = torch.nn
HEIGHT, WIDTH = 13, 11


class Gate(nn.Module):
    """Multiplies maps with what all of the picture says, as squeeze-and-excitation does."""

    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class Shortcut(nn.Module):
    """Adds a dilated convolution to what came in."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Conv2d(4, 4, (1, 3), padding=(0, 2), dilation=2)

    def forward(self, x):
        return x + self.inner(torch.relu(x))


def head(*layers):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


NETWORKS = {
    "strided, no padding": (lambda: head(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 2)), "2"),
    "overlapping pools": (
        lambda: head(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(3, 2, ceil_mode=True)),
        "1",
    ),
    "dilated, with a shortcut": (lambda: head(nn.Conv2d(1, 4, (3, 1)), Shortcut()), "1"),
    "uneven pools": (lambda: head(nn.Conv2d(1, 4, 1), nn.AdaptiveAvgPool2d((5, 3))), "1"),
    "a gate that sees all": (lambda: head(nn.Conv2d(1, 4, 3), Gate(), nn.Conv2d(4, 4, 1)), "2"),
    "dead channels": (lambda: dead(head(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))), "2"),
}


def dead(network):
    with torch.no_grad():
        network[0].bias[:3] = -100
    return network


def brute_force(model, layer, images):
    """Move every pixel of several pictures by itself, far and to both sides, and look which places change."""
    inputs = model.prepare(images)
    rows, columns = layer_named(model.layers, layer).shape[1:]
    seen = np.zeros((rows, columns, HEIGHT, WIDTH), bool)
    before = model.activations(inputs, [layer])[layer]
    for y, x in np.ndindex(HEIGHT, WIDTH):
        for step in (-5, 5):
            moved = inputs.copy()
            moved[:, :, y, x] += step
            seen[:, :, y, x] |= (model.activations(moved, [layer])[layer] != before).any((0, 1))
    edges = np.empty((rows, columns, 4), int)
    for row, column in np.ndindex(rows, columns):
        y, x = np.nonzero(seen[row, column])
        edges[row, column] = [y.min(), x.min(), y.max() + 1, x.max() + 1]
    return edges


@functools.cache
def measured(name):
    """A network, its layer, and what moving pixels shows."""
    make, layer = NETWORKS[name]
    torch.manual_seed(1)
    model = load_model(make().eval(), preprocess=Preprocess((HEIGHT, WIDTH), order="grey"))
    images = np.random.default_rng(0).integers(0, 256, (6, HEIGHT, WIDTH, 1), dtype=np.uint8)
    return model, layer, brute_force(model, layer, images)


def asked(model, layer):
    return Context(Request("test", layer=layer), model)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 1), dtype=np.uint8)


def data_of(images):
    return xr.Dataset(
        {"image": (("sample", "y", "x", "channel"), images)}, {"sample": np.arange(len(images))}
    )


class WithoutGradients:
    """A model as of onnx."""

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def vjp(self, *arguments, **more):
        raise ModelError("There are no gradients.")


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_field_is_what_moving_pixels_shows(name, pictures, gradients):
    model, layer, wanted = measured(name)
    used = model if gradients else WithoutGradients(model)
    result = ReceptiveField().compute(data_of(pictures), asked(used, layer))
    assert np.array_equal(result["receptive_field"], wanted)
    assert result["receptive_field"].attrs == {"exact": 1, "input_height": HEIGHT, "input_width": WIDTH}


def test_field_in_pixels_of_the_networks_input_not_of_the_picture(pictures):
    network = head(nn.Conv2d(1, 4, 4, stride=4))
    model = load_model(network.eval(), preprocess=Preprocess((24, 20), order="grey"))
    result = ReceptiveField().compute(data_of(pictures), asked(model, "0"))
    assert result["receptive_field"][2, 1].values.tolist() == [8, 4, 12, 8]
    assert result.attrs["input_height"] == 24


def test_flat_layers_see_all_and_pixels_themselves(pictures):
    images = tiny_images(4)[0]
    for layer in ("relu2", "fc2", "@logits"):
        field = ReceptiveField().compute(data_of(images), asked(TinyModel(), layer))["receptive_field"]
        assert field.values.tolist() == [[[0, 0, 8, 8]]]
    field = ReceptiveField().compute(data_of(images), asked(TinyModel(), "@input"))["receptive_field"]
    assert field[3, 5].values.tolist() == [3, 5, 4, 6]
    with pytest.raises(AnalysisError, match="needs the model"):
        ReceptiveField().compute(data_of(images), asked(None, "conv"))


def test_without_a_model_it_is_the_picture(pictures):
    result = PictureSize().compute(data_of(pictures), asked(None, "conv"))
    assert result["receptive_field"].values.tolist() == [[[0, 0, HEIGHT, WIDTH]]]
    assert result["receptive_field"].attrs["exact"] == 0


@given(
    count=st.integers(1, 120),
    stride=st.integers(1, 5),
    size=st.integers(1, 60),
    offset=st.integers(-40, 3),
    pixels=st.integers(1, 300),
)
def test_spans_between_measured_rows_are_those_of_a_convolution(count, stride, size, offset, pixels):
    first = np.clip(np.arange(count) * stride + offset, 0, pixels)
    edges = np.stack([first, np.clip(np.arange(count) * stride + offset + size, 0, pixels)], axis=1)
    measured = []

    def measure(places):
        measured.extend(places)
        return edges[places]

    assert np.array_equal(spans(count, measure), edges)
    assert len(measured) == len(set(measured))
    assert len(measured) <= max(16, 2 + 6 * count.bit_length())


def test_without_gradients_the_pixels_are_moved_once_an_axis(pictures):
    model, layer, wanted = measured(next(iter(NETWORKS)))
    passes = []

    class Counted(WithoutGradients):
        def activations(self, inputs, layers):
            passes.append(len(inputs))
            return self._model.activations(inputs, layers)

    found = ReceptiveField().compute(data_of(pictures), asked(Counted(model), layer))
    assert np.array_equal(found["receptive_field"], wanted)
    assert len(passes) <= HEIGHT + WIDTH + 4, "each row and column of pixels once, and a few to see the shape"
