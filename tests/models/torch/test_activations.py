from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from nnlens.errors import ModelError
from nnlens.models import load_model


def plain_outputs(module, inputs):
    """Every module's outputs by plain hooks that copy at once: (name, call) → array."""
    found, counts = {}, Counter()
    names = {}
    for name, part in module.named_modules():
        names.setdefault(part, name)

    def hook(part, args, output):
        if isinstance(output, torch.Tensor):
            found[names[part], counts[part]] = output.detach().clone().numpy()
        counts[part] += 1

    handles = [part.register_forward_hook(hook) for part in module.modules()]
    with torch.no_grad():
        module.eval()(torch.from_numpy(inputs).clone())
    for handle in handles:
        handle.remove()
    return found, counts, names


def key_of(name, names_called):
    """The layer `relu#1` is the call 1 of the module `relu`."""
    base, _, number = name.partition("#")
    return (base, int(number or 0)) if base in names_called else None


def assert_same(module, got, wanted, name=""):
    """To the last bit; but torch fuses a transformer's block, which rounds otherwise, unless functions are watched."""
    rounding = 1e-6 if type(module).__name__ == "Attention" else 0
    np.testing.assert_allclose(got, wanted, rtol=rounding, atol=rounding, err_msg=name)


def test_every_layer_is_what_a_plain_hook_sees(module, preprocess, inputs):
    expected, counts, names = plain_outputs(module, inputs)
    model = load_model(module, preprocess=preprocess)
    wanted = [layer.name for layer in model.layers if layer.capturable]
    got = model.activations(inputs, wanted)
    compared = 0
    for layer in model.layers:
        for name in (layer.name, *layer.aliases):
            key = key_of(name, names.values())
            if key in expected and layer.capturable:
                assert_same(module, got[layer.name], expected[key], name)
                compared += 1
    leaves = [part for part in counts if next(part.children(), None) is None and part is not module]
    capturable = [part for part in leaves if expected[names[part], 0].ndim in (2, 4)]
    assert compared >= len(capturable), "some module has no layer"
    assert {layer.name: got[layer.name].shape[1:] for layer in model.layers if layer.capturable} == {
        layer.name: layer.shape for layer in model.layers if layer.capturable
    }


def test_one_layer_alone_is_the_same(module, preprocess, inputs):
    model = load_model(module, preprocess=preprocess)
    wanted = [layer.name for layer in model.layers if layer.capturable]
    together = model.activations(inputs, wanted)
    for name in wanted:
        assert_same(module, model.activations(inputs, [name])[name], together[name])


def test_predict_gives_the_logits(module, preprocess, inputs, logits_of):
    with torch.no_grad():
        expected = logits_of(module, torch.from_numpy(inputs).clone())
    model = load_model(module, preprocess=preprocess)
    assert model.has_logits
    assert model.class_count == 5
    got = model.predict(inputs)
    expected = expected.get("logits") if isinstance(expected, dict) else expected
    expected = expected[0] if isinstance(expected, tuple) else expected
    np.testing.assert_allclose(got, expected.reshape(4, 5).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.activations(inputs, ["@logits"])["@logits"], got)


def test_the_input_is_a_layer(build, preprocess, inputs):
    model = load_model(build("Overwriting"), preprocess=preprocess)
    before = inputs.copy()
    np.testing.assert_array_equal(model.activations(inputs, ["@input", "conv1"])["@input"], before)
    np.testing.assert_array_equal(inputs, before)


def test_logarithms_stand_in_for_logits_that_cannot_be_had(build, preprocess, inputs):
    module = build("Probabilities")
    model = load_model(module, preprocess=preprocess)
    assert not model.has_logits
    assert any("logarithms" in note for note in model.notes)
    with torch.no_grad():
        np.testing.assert_allclose(
            model.predict(inputs), module(torch.from_numpy(inputs)).log().numpy(), rtol=1e-4, atol=1e-5
        )


def test_parts_of_a_batch_are_the_same_as_the_whole(module, preprocess, inputs):
    model = load_model(module, preprocess=preprocess)
    whole = model.predict(inputs)
    for position in range(len(inputs)):
        if type(module).__name__ != "Overwriting":  # this one adds the mean over the batch
            part = model.predict(inputs[position : position + 1])
            np.testing.assert_allclose(part[0], whole[position], rtol=1e-4, atol=1e-5)


def test_read_only_and_strided_inputs_are_fine(build, preprocess, inputs):
    model = load_model(build("Plain"), preprocess=preprocess)
    expected = model.predict(inputs)
    frozen = inputs.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(model.predict(frozen), expected)
    np.testing.assert_array_equal(model.predict(np.asfortranarray(inputs)), expected)
    # each sample has another place in the batch, and where it stands decides in which order torch sums
    np.testing.assert_allclose(model.predict(inputs[::-1]), expected[::-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.predict(inputs.astype(np.float64)), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_come_back_as_float32(build, preprocess, inputs, dtype):
    module = build("Plain")
    expected = load_model(build("Plain"), preprocess=preprocess).activations(inputs, ["1", "@logits"])
    got = load_model(module.to(dtype), preprocess=preprocess).activations(inputs, ["1", "@logits"])
    for name in expected:
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], expected[name], atol=0.05)


def test_nan_goes_through(build, preprocess, inputs):
    inputs[1] = np.nan
    logits = load_model(build("Plain"), preprocess=preprocess).predict(inputs)
    assert np.isnan(logits[1]).all()
    assert np.isfinite(logits[[0, 2, 3]]).all()


def test_an_unknown_layer_names_those_that_are_close(build, preprocess, inputs):
    model = load_model(build("Residual"), preprocess=preprocess)
    with pytest.raises(ModelError, match=r"no layer 'layer1\.0\.conv3'.*layer1\.0\.conv1"):
        model.activations(inputs, ["layer1.0.conv3"])
    with pytest.raises(ModelError, match=r"no layer 'layer1\.0\.relu'.*layer1\.0\.relu#0"):
        model.activations(inputs, ["layer1.0.relu"])


def test_tokens_are_no_maps(build, preprocess, inputs):
    model = load_model(build("Attention"), preprocess=preprocess)
    tokens = next(layer for layer in model.layers if not layer.capturable)
    assert len(tokens.shape) == 2
    with pytest.raises(ModelError, match="can be captured"):
        model.activations(inputs, [tokens.name])


@pytest.mark.parametrize("shape", [(4, 3, 9), (4, 1, 9, 9), (4, 3, 8, 9), (4, 9, 9, 3)])
def test_inputs_of_another_shape_are_refused(build, preprocess, shape):
    model = load_model(build("Plain"), preprocess=preprocess)
    with pytest.raises(ModelError, match=r"not \(sample, 3, 9, 9\)"):
        model.predict(np.zeros(shape, np.float32))


def test_no_samples_give_no_logits(build, preprocess):
    model = load_model(build("Plain"), preprocess=preprocess)
    assert model.predict(np.zeros((0, 3, 9, 9), np.float32)).shape == (0, 5)


def test_a_network_that_turns_another_way_says_so(preprocess, inputs):
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(243, 5), nn.Linear(243, 5)

        def forward(self, x):
            return (self.a if len(x) == 2 else self.b)(x.flatten(1))

    model = load_model(Moody(), preprocess=preprocess)
    with pytest.raises(ModelError, match="did not come to layer 'a'"):
        model.activations(inputs, ["a"])


def test_wrappers_are_taken_off(build, preprocess, inputs):
    module = build("Plain")
    expected = load_model(module, preprocess=preprocess).activations(inputs, ["1"])["1"]
    for wrapped in (torch.compile(module, backend="eager"), nn.DataParallel(module)):
        model = load_model(wrapped, preprocess=preprocess)
        assert model.layers[0].name == "0"
        np.testing.assert_array_equal(model.activations(inputs, ["1"])["1"], expected)
