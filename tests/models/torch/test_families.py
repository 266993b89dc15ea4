"""Networks shaped like those that people bring: every layer, against plain forward hooks."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import nnlens
from nnlens.models import Preprocess, load_model

PLACE = Path(__file__).parents[2] / "architectures" / "families.py"
SIDE = 64


@pytest.fixture(scope="module")
def families():
    spec = importlib.util.spec_from_file_location("families", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# name → convolutions, matrices of weights, sums, joins, the hidden vector's layer and length
EXPECTED = {
    "VGG16": (13, 3, 0, 0, "classifier.4", 16),
    "ResNet50": (53, 1, 16, 0, "F.flatten", 128),
    "MobileNetV2": (52, 1, 10, 0, "F.flatten", 16),
    "GoogLeNet": (57, 1, 0, 9, "F.flatten", 12),
    "DenseNet121": (120, 1, 0, 62, "F.flatten", 64),
    "EfficientNetB0": (81, 1, 9, 0, "F.flatten", 20),
}


def watched(module, image):
    """Outputs by plain hooks, copied at once, by name and call."""
    found, calls = {}, Counter()

    def keep(name):
        def hook(_module, _inputs, output):
            found[name, calls[name]] = output.detach().clone().numpy()
            calls[name] += 1

        return hook

    handles = [
        part.register_forward_hook(keep(name))
        for name, part in module.named_modules()
        if next(part.children(), None) is None
    ]
    with torch.no_grad():
        logits = module(image).numpy()
    for handle in handles:
        handle.remove()
    return {
        f"{name}#{call}" if calls[name] > 1 else name: array for (name, call), array in found.items()
    }, logits


@pytest.fixture(params=EXPECTED)
def opened(request, families):
    torch.manual_seed(0)
    module = getattr(families, request.param)().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return request.param, module, load_model(module, preprocess=Preprocess(SIDE))


def test_every_layer_is_captured_as_a_hook_sees_it(opened):
    name, module, model = opened
    inputs = np.random.default_rng(0).normal(size=(3, 3, SIDE, SIDE)).astype(np.float32)
    expected, logits = watched(module, torch.from_numpy(inputs))
    layers = {each: layer for layer in model.layers for each in (layer.name, *layer.aliases)}
    assert all(layer.capturable for layer in model.layers)
    got = model.activations(inputs, [layer.name for layer in model.layers])
    for each, array in expected.items():
        np.testing.assert_array_equal(got[layers[each].name], array, err_msg=each)
        assert layers[each].shape == array.shape[1:]
    for layer in model.layers:
        assert got[layer.name].shape == (3, *layer.shape)
    np.testing.assert_array_equal(model.predict(inputs), logits)
    convolutions, matrices, sums, joins, hidden, length = EXPECTED[name]
    kinds = Counter(layer.kind for layer in model.layers)
    assert (kinds["Conv2d"], kinds["Linear"], kinds["Add"], kinds["Concat"]) == (
        convolutions,
        matrices,
        sums,
        joins,
    )
    assert (model.hidden_layer, layers[model.hidden_layer].shape) == (hidden, (length,))


def test_its_weights_are_those_of_its_layers(opened):
    name, module, model = opened
    counted = {layer.name.partition("#")[0]: layer.parameters for layer in model.layers}
    unused = sum(each.numel() for each in module.aux.parameters()) if name == "GoogLeNet" else 0
    assert sum(counted.values()) == sum(each.numel() for each in module.parameters()) - unused


def test_the_graph_is_whole(opened):
    """Each layer comes after its inputs, and all of them lead to the logits."""
    _, _, model = opened
    places = {layer.name: place for place, layer in enumerate(model.layers)} | {"@input": -1}
    assert all(places[before] < places[layer.name] for layer in model.layers for before in layer.inputs)
    used = {before for layer in model.layers for before in layer.inputs}
    assert [layer.name for layer in model.layers if layer.name not in used] == [model.layers[-1].name]


def test_the_gradient_reaches_the_image_through_every_block(opened):
    _, module, model = opened
    inputs = np.random.default_rng(1).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    image = torch.from_numpy(inputs).requires_grad_()
    module(image)[:, 3].sum().backward()
    seed = np.zeros((2, model.class_count), np.float32)
    seed[:, 3] = 1
    np.testing.assert_allclose(
        model.vjp(inputs, seed).gradients["@input"], image.grad.numpy(), rtol=1e-3, atol=1e-6
    )


def test_branches_and_sums_of_the_graph(families):
    torch.manual_seed(0)
    inputs = {
        layer.name: layer.inputs
        for name in ("ResNet50", "GoogLeNet", "DenseNet121", "EfficientNetB0")
        for layer in load_model(getattr(families, name)().eval(), preprocess=Preprocess(SIDE)).layers
    }
    assert inputs["layer1.0.F.add"] == ("layer1.0.bn3", "layer1.0.downsample.1")
    assert inputs["layer1.1.F.add"] == ("layer1.0.relu#2", "layer1.1.bn3")
    assert inputs["inception3a"] == (
        "inception3a.branch1", "inception3a.branch2.1", "inception3a.branch3.1", "inception3a.branch4.1"
    )  # fmt: skip
    assert inputs["features.denseblock1.denselayer3.F.cat"] == (
        "features.3", "features.denseblock1.denselayer1.conv2", "features.denseblock1.denselayer2.conv2"
    )  # fmt: skip
    assert inputs["features.2.1.block.2"] == ("features.2.1.block.1.2", "features.2.1.block.2.scale")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_holds_every_layer(name, tmp_path):
    """From a file of weights and the architecture by its spec, with everything kept."""
    torch.manual_seed(0)
    spec = f"{PLACE}:{name}"
    from nnlens.models.architecture import build, find_architecture

    module = build(find_architecture(spec)).eval()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    model = load_model(tmp_path / "weights.pt", spec, Preprocess(SIDE))
    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    store = nnlens.capture(model, nnlens.load_samples((images, np.arange(4))), tmp_path / "run", keep="all")
    assert [layer.name for layer in store.layers] == [layer.name for layer in model.layers]
    expected, _ = watched(module, torch.from_numpy(model.prepare(images)))
    names = {each: layer.name for layer in model.layers for each in (layer.name, *layer.aliases)}
    for each in list(expected)[:: len(expected) // 12]:
        stored = store.activation(names[each]).values
        np.testing.assert_allclose(stored, expected[each], rtol=1e-3, atol=1e-4, err_msg=each)
