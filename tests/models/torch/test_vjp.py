import numpy as np
import pytest
import torch
from torch import nn

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model

STEP = 1e-6


def main(output):
    output = output["logits"] if isinstance(output, dict) else output
    output = output[0] if isinstance(output, tuple) else output
    return output.reshape(len(output), -1)


def test_gradient_at_the_input_is_autograds(module, preprocess, inputs, logits_of):
    seed = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x = torch.from_numpy(inputs).requires_grad_()
    logits = main(logits_of(module, x.clone()))
    (expected,) = torch.autograd.grad(logits, x, torch.from_numpy(seed))
    got = load_model(module, preprocess=preprocess).vjp(inputs, seed)
    np.testing.assert_allclose(got.gradients["@input"], expected.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.logits, logits.detach().numpy(), rtol=1e-5, atol=1e-6)


def nudged(module, model, layer, direction, step):
    """The logits in double precision when the output of a layer is moved by a step, without nnlens' recorder."""
    base, _, number = layer.name.partition("#")
    part = dict(module.named_modules())[base]
    calls = []

    def hook(_part, args, output):
        calls.append(1)
        if len(calls) - 1 == int(number or 0):
            return output + step * torch.from_numpy(direction)
        return None

    handle = part.register_forward_hook(hook)
    with torch.no_grad():
        whole = not hasattr(module, "logits") or type(module).__name__ in ("EndsMap", "EndsTuple")
        out = module(hook_input.clone()) if whole else module.logits(hook_input)
    handle.remove()
    return main(out)


hook_input = None


def leads_to_logits(model, layer):
    """Whether the graph has a way from a layer to the last one, which gives the logits here."""
    following = [later for later in model.layers if {layer.name} & set(later.inputs)]
    last = next(later.name for later in reversed(model.layers) if later.shape == (5,))
    return layer.name == last or any(leads_to_logits(model, later) for later in following)


def test_gradient_at_every_layer_is_that_of_finite_differences(module, preprocess, inputs):
    global hook_input
    rng = np.random.default_rng(0)
    seed = rng.normal(size=(4, 5)).astype(np.float32)
    model = load_model(module, preprocess=preprocess)
    parts = dict(module.named_modules())
    ends = ("Softmax", "LogSoftmax")
    layers = [
        layer
        for layer in model.layers
        if layer.capturable
        and layer.kind not in ends
        and leads_to_logits(model, layer)
        and layer.name.partition("#")[0] in parts
        and isinstance(parts[layer.name.partition("#")[0]], nn.Module)
        and "F." not in "".join(layer.aliases)
    ]
    gradients = model.vjp(inputs, seed, wrt=[layer.name for layer in layers]).gradients
    alone = {layer.name: model.vjp(inputs, seed, wrt=[layer.name]).gradients[layer.name] for layer in layers}
    double = module.double().eval()
    hook_input = torch.from_numpy(inputs).double()
    for layer in layers:
        direction = rng.normal(size=(4, *layer.shape))
        ahead = nudged(double, model, layer, direction, STEP)
        behind = nudged(double, model, layer, direction, -STEP)
        expected = float(((ahead - behind) / (2 * STEP) * torch.from_numpy(seed)).sum())
        for got in (gradients, alone):
            assert float((got[layer.name] * direction).sum()) == pytest.approx(
                expected, rel=1e-3, abs=1e-4
            ), layer


def test_gradient_at_a_sum_in_place_is_right(build, preprocess, inputs):
    """`out += x` is written over by the ReLU that follows: its gradient must be the one before."""
    module = build("Residual").eval()
    seed = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x = torch.from_numpy(inputs)
    block = module.layer1[1]
    inner = module.layer1[0](torch.relu(module.stem(x)))
    total = (
        (block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(inner))))) + inner).detach().requires_grad_()
    )
    logits = module.fc(torch.relu(total).mean((2, 3)))
    (expected,) = torch.autograd.grad(logits, total, torch.from_numpy(seed))
    model = load_model(module, preprocess=preprocess)
    got = model.vjp(inputs, seed, wrt=("layer1.1.F.add",), keep=("layer1.1.F.add",))
    np.testing.assert_allclose(got.gradients["layer1.1.F.add"], expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(got.activations["layer1.1.F.add"], total.detach().numpy(), atol=1e-5)


def test_one_pass_gives_all_that_is_asked(build, preprocess, inputs):
    module = build("Residual")
    model = load_model(module, preprocess=preprocess)
    seed = np.ones((4, 5), np.float32)
    names = ("@input", "stem", "layer1.0", "layer1.1.relu#0")
    got = model.vjp(inputs, seed, wrt=names, keep=(*names, "@logits"))
    for name in names:
        alone = model.vjp(inputs, seed, wrt=(name,))
        np.testing.assert_allclose(got.gradients[name], alone.gradients[name], atol=1e-6)
    expected = model.activations(inputs, (*names, "@logits"))
    assert set(got.activations) == {*names, "@logits"}
    for name in (*names, "@logits"):
        # a pass with gradients has channels last in memory, so sums are taken in another order
        np.testing.assert_allclose(got.activations[name], expected[name], rtol=1e-6, atol=1e-6)


def test_a_pass_may_start_at_a_layer(build, preprocess, inputs):
    module = build("Residual").eval()
    x = torch.from_numpy(inputs).requires_grad_()
    inner = module.layer1[0](torch.relu(module.stem(x)))
    seed = np.zeros((4, 4, 7, 7), np.float32)
    seed[:, 2, 3, 3] = 1
    (expected,) = torch.autograd.grad(inner, x, torch.from_numpy(seed))
    got = load_model(module, preprocess=preprocess).vjp(inputs, seed, at="layer1.0")
    np.testing.assert_allclose(got.gradients["@input"], expected.numpy(), atol=1e-6)
    assert got.logits.shape == (4, 5)


def test_a_seed_may_be_a_function_of_logits_and_activations(build, preprocess, inputs):
    model = load_model(build("Plain"), preprocess=preprocess)
    seen = {}

    def strongest(logits, activations):
        seen["logits"], seen["layers"] = logits.copy(), sorted(activations)
        maps = activations["1"]
        return (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float32)

    got = model.vjp(inputs, strongest, at="1", keep=("0",))
    np.testing.assert_array_equal(seen["logits"], model.predict(inputs))
    assert seen["layers"] == ["0", "1"]
    maps = model.activations(inputs, ["1"])["1"]
    expected = model.vjp(inputs, (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float32), at="1")
    np.testing.assert_array_equal(got.gradients["@input"], expected.gradients["@input"])
    assert list(got.activations) == ["0"]


def test_the_gradient_of_a_softmax_network_is_that_of_the_logit(build, preprocess, inputs):
    """Where the softmax is saturated its own gradient vanishes, and the logit's does not."""
    module = build("EndsLogSoftmax")
    module.fc.weight.data *= 1e4
    model = load_model(module, preprocess=preprocess)
    top = lambda logits, _: np.eye(5, dtype=np.float32)[logits.argmax(1)]  # noqa: E731
    got = model.vjp(inputs, top).gradients["@input"]
    assert np.abs(got).max() > 1


@pytest.mark.parametrize("shape", [(5,), (4, 4), (1, 5), (4, 5, 1)])
def test_a_seed_of_another_shape_is_refused(build, preprocess, inputs, shape):
    model = load_model(build("Plain"), preprocess=preprocess)
    with pytest.raises(ModelError, match="seed has the shape"):
        model.vjp(inputs, np.ones(shape, np.float32))
    with pytest.raises(ModelError, match="seed has the shape"):
        model.vjp(inputs, lambda logits, activations: np.ones(shape, np.float32))


def test_what_the_start_does_not_depend_on_is_named(build, preprocess, inputs):
    model = load_model(build("Plain"), preprocess=preprocess)
    with pytest.raises(ModelError, match="from '0' back to '4'"):
        model.vjp(inputs, np.ones((4, 4, 7, 7), np.float32), at="0", wrt=("4",))
    with pytest.raises(ModelError, match="from '@logits' back to 'end'"):
        load_model(build("EndsModule"), preprocess=preprocess).vjp(
            inputs, np.ones((4, 5), np.float32), wrt=("end",)
        )


def test_an_unknown_rule_is_refused(build, preprocess, inputs):
    with pytest.raises(ModelError, match=r"no backward rule 'magic'.*plain"):
        load_model(build("Plain"), preprocess=preprocess).vjp(inputs, np.ones((4, 5)), rule="magic")


def test_a_frozen_backbone_stops_gradients_and_says_so(preprocess, inputs):
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

        def forward(self, x):
            with torch.no_grad():
                x = self.conv(x)
            return self.fc(torch.relu(x).mean((2, 3)))

    model = load_model(Frozen(), preprocess=preprocess)
    seed = np.ones((4, 5), np.float32)
    with pytest.raises(ModelError, match="network stops gradients"):
        model.vjp(inputs, seed)
    assert model.vjp(inputs, seed, wrt=("F.relu",)).gradients["F.relu"].any()


def test_it_works_where_the_caller_has_switched_gradients_off(build, preprocess, inputs):
    model = load_model(build("Plain"), preprocess=preprocess)
    seed = np.ones((4, 5), np.float32)
    expected = model.vjp(inputs, seed).gradients["@input"]
    with torch.no_grad():
        np.testing.assert_array_equal(model.vjp(inputs, seed).gradients["@input"], expected)
    with torch.inference_mode():
        np.testing.assert_array_equal(model.vjp(inputs, seed).gradients["@input"], expected)


def test_gradients_of_a_grey_network_have_one_channel():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(18, 4))
    model = load_model(module, preprocess=Preprocess(5, order="grey"))
    got = model.vjp(np.zeros((2, 1, 5, 5), np.float32), np.ones((2, 4), np.float32))
    assert got.gradients["@input"].shape == (2, 1, 5, 5)
