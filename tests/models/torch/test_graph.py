"""Layers, their names and what comes into them, written down by hand for each network."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model


def make(build):
    torch.manual_seed(0)
    return build().eval()


def edges(model):
    return {layer.name: layer.inputs for layer in model.layers}


EXPECTED = {
    "Plain": {
        "0": ("@input",), "1": ("0",), "2": ("1",), "3": ("2",), "4": ("3",), "5": ("4",), "6": ("5",),
    },
    "Residual": {
        "stem": ("@input",),
        "F.relu": ("stem",),
        "layer1.0.conv1": ("F.relu",),
        "layer1.0.bn1": ("layer1.0.conv1",),
        "layer1.0.relu#0": ("layer1.0.bn1",),
        "layer1.0.conv2": ("layer1.0.relu#0",),
        "layer1.0.bn2": ("layer1.0.conv2",),
        "layer1.0.F.add": ("F.relu", "layer1.0.bn2"),
        "layer1.0.relu#1": ("layer1.0.F.add",),
        "layer1.1.conv1": ("layer1.0.relu#1",),
        "layer1.1.bn1": ("layer1.1.conv1",),
        "layer1.1.relu#0": ("layer1.1.bn1",),
        "layer1.1.conv2": ("layer1.1.relu#0",),
        "layer1.1.bn2": ("layer1.1.conv2",),
        "layer1.1.F.add": ("layer1.0.relu#1", "layer1.1.bn2"),
        "layer1.1.relu#1": ("layer1.1.F.add",),
        "F.mean": ("layer1.1.relu#1",),
        "fc": ("F.mean",),
    },
    "Functional": {
        "F.conv2d": ("@input",),
        "F.relu": ("F.conv2d",),
        "F.max_pool2d": ("F.relu",),
        "F.reshape": ("F.max_pool2d",),
        "F.linear": ("F.reshape",),
    },
    "Reused": {
        "stem": ("@input",),
        "relu#0": ("stem",),
        "conv#0": ("relu#0",),
        "relu#1": ("conv#0",),
        "conv#1": ("relu#1",),
        "F.amax": ("conv#1",),
        "fc": ("F.amax",),
    },
    "Branches": {
        "depthwise": ("@input",),
        "act#0": ("depthwise",),
        "dilated": ("@input",),
        "act#1": ("dilated",),
        "F.cat": ("act#0", "act#1"),
        "pool": ("F.cat",),
        "F.flatten": ("pool",),
        "drop": ("F.flatten",),
        "fc": ("drop",),
    },
}  # fmt: skip
HIDDEN = {
    "Plain": "5",
    "Residual": "F.mean",
    "Functional": "F.reshape",
    "Reused": "F.amax",
    "Branches": "F.flatten",
    "Overwriting": "F.mean",
    "EndsLogSoftmax": "F.mean",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_layers_in_order_with_their_inputs(build, preprocess, name):
    model = load_model(build(name), preprocess=preprocess)
    assert edges(model) == EXPECTED[name]
    assert list(edges(model)) == list(EXPECTED[name])


@pytest.mark.parametrize("name", HIDDEN)
def test_the_hidden_layer_comes_before_the_last_weights(build, preprocess, name):
    assert load_model(build(name), preprocess=preprocess).hidden_layer == HIDDEN[name]


def test_weights_of_all_layers_are_those_of_the_network(module, preprocess):
    model = load_model(module, preprocess=preprocess)
    called = {layer.name.partition("#")[0]: layer.parameters for layer in model.layers}
    counted = sum(parameter.numel() for parameter in module.parameters())
    if type(module).__name__ not in (
        "Attention",
    ):  # its attention keeps weights that no layer of its own has
        assert sum(called.values()) == counted


def test_kinds_are_the_same_for_modules_and_functions(build, preprocess):
    kinds = [layer.kind for layer in load_model(build("Functional"), preprocess=preprocess).layers]
    assert kinds == ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]


def test_one_module_under_two_names_is_one_layer(build, preprocess):
    layers = {layer.name: layer for layer in load_model(build("Reused"), preprocess=preprocess).layers}
    assert layers["conv#0"].aliases == ("again#0",)
    assert layers["conv#1"].aliases == ("again#1",)


def test_a_block_is_another_name_of_its_last_layer(build, preprocess, inputs):
    model = load_model(build("Residual"), preprocess=preprocess)
    aliases = {layer.name: layer.aliases for layer in model.layers}
    assert aliases["layer1.1.relu#1"] == ("layer1.1", "layer1")
    got = model.activations(inputs, ["layer1", "layer1.1.relu#1"])
    assert (got["layer1"] == got["layer1.1.relu#1"]).all()


def test_a_function_at_the_end_of_a_module_is_called_by_the_module(preprocess):
    class Fire(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

        def forward(self, x):
            return torch.cat([self.left(x), self.right(x)], 1)

    module = nn.Sequential(Fire(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    model = load_model(module, preprocess=preprocess)
    assert [layer.name for layer in model.layers] == ["0.left", "0.right", "0", "1", "2", "3"]
    assert model.layers[2].aliases == ("0.F.cat",)
    assert model.layers[2].kind == "Concat"


def test_scaling_by_a_constant_is_no_layer(build, preprocess):
    assert not [
        layer
        for layer in load_model(build("EndsScaled"), preprocess=preprocess).layers
        if layer.kind == "Mul"
    ]


def test_a_network_without_hidden_layer_has_the_image(preprocess):
    model = load_model(
        nn.Sequential(nn.Flatten(0, 0), nn.Conv2d(3, 5, 9), nn.Flatten()), preprocess=preprocess
    )
    assert model.hidden_layer in ("@input", "0")


@pytest.mark.parametrize(
    ("module", "what"),
    [
        (nn.Linear(4, 2), "does not take inputs of 3×9×9"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)), "does not take inputs of 3×9×9"),
        (nn.Conv2d(3, 2, 3), r"returns \(2, 2, 7, 7\)"),
        (nn.Sequential(nn.Flatten(0)), r"returns \(486,\)"),
    ],
)
def test_what_is_no_classifier_of_such_images_is_refused(preprocess, module, what):
    with pytest.raises(ModelError, match=what):
        load_model(module, preprocess=preprocess)


def test_nothing_tells_how_images_become_inputs(build):
    with pytest.raises(ModelError, match=r"Nothing tells how images become inputs of Plain.*Preprocess"):
        load_model(build("Plain"))


def test_a_network_may_tell_how_images_become_inputs(build):
    module = build("Plain")
    module.preprocess = Preprocess(9, mean=0.5)
    assert load_model(module).preprocess == module.preprocess


def test_a_scripted_network_is_refused(build, preprocess):
    with pytest.warns(DeprecationWarning):
        scripted = torch.jit.trace(build("Plain").eval(), torch.zeros(1, 3, 9, 9))
    with pytest.raises(ModelError, match="TorchScript"):
        load_model(scripted, preprocess=preprocess)


def test_the_same_network_has_the_same_fingerprint_and_no_other_has(build, preprocess):
    model = load_model(build("Plain"), preprocess=preprocess)
    again = load_model(build("Plain"), preprocess=preprocess)
    assert model.fingerprint == again.fingerprint
    changed = build("Plain")
    changed[0].bias.data[2] += 1e-6
    other_function = build("Plain")
    other_function[1] = nn.GELU()
    prints = {load_model(module, preprocess=preprocess).fingerprint for module in (changed, other_function)}
    assert len(prints | {model.fingerprint}) == 3


class Heads(nn.Module):
    """Several outputs; the one for the classes comes from the first of two heads that run."""

    def __init__(self, wrap):
        super().__init__()
        self.conv, self.fc, self.side = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(5, 2)
        self.wrap = wrap

    def forward(self, x):
        logits = self.fc(F.relu(self.conv(x)).mean((2, 3)))
        return self.wrap(logits, self.side(logits.tanh()))


@dataclass
class Result:
    side: torch.Tensor
    logits: torch.Tensor


WRAPS = {
    "tuple": lambda logits, side: (logits, side),
    "mapping": lambda logits, side: {"side": side, "logits": logits},
    "dataclass": lambda logits, side: Result(side, logits),
    "named tuple": lambda logits, side: namedtuple("Out", "side out")(side, logits),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_of_several_outputs_one_is_for_the_classes_and_it_is_said(preprocess, inputs, wrap):
    module = make(lambda: Heads(WRAPS[wrap]))
    model = load_model(module, preprocess=preprocess)
    assert any("gives 2 outputs" in note for note in model.notes)
    assert (model.class_count, model.hidden_layer) == (5, "F.mean")
    with torch.no_grad():
        expected = module.fc(F.relu(module.conv(torch.from_numpy(inputs))).mean((2, 3)))
    assert (model.predict(inputs) == expected.numpy()).all()


class Recurrent(nn.Module):
    """Rows of the image one after the other; `last` picks what the classes come from."""

    def __init__(self, last):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(27, 8, batch_first=True), nn.Linear(8, 5)
        self.last = last

    def forward(self, x):
        return self.fc(self.last(*self.lstm(x.permute(0, 2, 1, 3).flatten(2))))


@pytest.mark.parametrize("last", [lambda steps, _: steps[:, -1], lambda _, state: state[0][-1]])
def test_the_last_step_of_a_recurrent_network_is_its_hidden_vector(preprocess, inputs, last):
    module = make(lambda: Recurrent(last))
    model = load_model(module, preprocess=preprocess)
    layers = {layer.name: layer for layer in model.layers}
    assert (layers["lstm"].shape, layers["lstm"].capturable) == ((9, 8), False)
    assert edges(model) == {"lstm": ("@input",), "F.getitem": ("lstm",), "fc": ("F.getitem",)}
    assert model.hidden_layer == "F.getitem"
    hidden = model.activations(inputs, ["F.getitem"])["F.getitem"]
    with torch.no_grad():
        assert (module.fc(torch.from_numpy(hidden)).numpy() == model.predict(inputs)).all()


class Windows(nn.Module):
    """Quarters of all images as one batch, as networks with local attention have them."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.fc = nn.Conv2d(3, 4, 2), nn.Linear(4, 4), nn.Linear(4, 5)

    def forward(self, x):
        maps = self.stem(x)
        count, channels, side, _ = maps.shape
        windows = maps.reshape(count, channels, 2, side // 2, 2, side // 2).permute(0, 2, 4, 3, 5, 1)
        tokens = F.relu(self.inner(windows.reshape(-1, channels)))
        return self.fc(tokens.reshape(count, -1, channels).mean(1))


def test_layers_without_samples_are_shown_and_not_captured(preprocess, inputs):
    module = make(Windows)
    model = load_model(module, preprocess=preprocess)
    assert {layer.name: layer.capturable for layer in model.layers} == {
        "stem": True, "inner": False, "F.relu": False, "F.mean": True, "fc": True,
    }  # fmt: skip
    assert edges(model)["F.mean"] == ("F.relu",)
    assert model.hidden_layer == "F.mean"
    with pytest.raises(ModelError, match="inner"):
        model.activations(inputs, ["inner"])
