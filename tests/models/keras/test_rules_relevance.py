"""Relevance (Bach et al. 2015, LRP) on Keras against naive numpy, and layers run with other weights."""

import keras
import numpy as np
import pytest
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.rules import ABSORBED, Rule

SIDE, EPSILON = 7, 0.01
INPUTS = np.random.default_rng(1).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)


def epsilon(gradient, inputs, output, layer):
    """Relevance of the input from that of the output, both as they are."""
    return inputs * layer.back(gradient / (output + EPSILON * (2 * (output >= 0) - 1)))


def positive(weight):
    return weight * (weight > 0)


def z_plus(gradient, inputs, output, layer):
    return inputs * layer.back(gradient / (layer.forward(inputs, positive, bias=False) + 1e-6), positive)


def passed(gradient, inputs, output, layer):
    return gradient


EPSILON_RULE = Rule(
    "epsilon",
    {"Convolution": epsilon, "Dense": epsilon, "ReLU": passed},
    absorbing=frozenset({"Convolution", "Dense"}),
    merge_norms=True,
)
Z_PLUS_RULE = Rule("z-plus", {"Convolution": z_plus, "Dense": z_plus, "ReLU": passed}, merge_norms=True)


def network():
    x = keras.Input((SIDE, SIDE, 3))
    y = layers.Conv2D(4, 3, strides=2, use_bias=False, name="conv")(x)
    y = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(y))
    y = layers.Dense(6, activation="relu", name="hidden")(layers.Flatten(name="flatten")(y))
    return keras.Model(x, layers.Dense(5, activation="softmax", name="end")(y))


def weighted(model):
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            (0.5 * rng.normal(size=value.shape) if value.ndim > 1 else 0.2 + rng.random(value.shape))
            for value in model.get_weights()
        ]
    )
    return model


def matrices(model):
    """The network as three matrices with biases; the first takes (y, x, channel), laid flat, and holds the norm."""
    kernel = model.get_layer("conv").get_weights()[0]
    gamma, beta, mean, variance = model.get_layer("bn").get_weights()
    factor = gamma / np.sqrt(variance + model.get_layer("bn").epsilon)
    out = (SIDE - 3) // 2 + 1
    first = np.zeros((SIDE, SIDE, 3, out, out, 4))
    for i in range(out):
        for j in range(out):
            first[2 * i : 2 * i + 3, 2 * j : 2 * j + 3, :, i, j, :] = kernel * factor
    bias = np.tile(beta - mean * factor, out * out)
    dense = [model.get_layer(name).get_weights() for name in ("hidden", "end")]
    return [(first.reshape(SIDE * SIDE * 3, -1), bias), *dense]


def relevance(model, inputs, share):
    """Relevance of the input, what went missing, and the logits: layer by layer, from the definition."""
    values = [np.moveaxis(inputs, 1, -1).reshape(len(inputs), -1).astype(float)]
    parts = matrices(model)
    for weight, bias in parts:
        values.append(
            np.maximum(values[-1], 0) @ weight + bias if len(values) > 1 else values[0] @ weight + bias
        )
    found = seed = values[-1]
    for (weight, _), value, after in reversed([*zip(parts, values[:-1], values[1:], strict=True)]):
        before = value if value is values[0] else np.maximum(value, 0)
        found = share(before, weight, after, found)
    found = found.reshape(len(inputs), SIDE, SIDE, 3)
    return np.moveaxis(found, -1, 1), seed.sum(1) - found.sum((1, 2, 3)), seed


def epsilon_share(before, weight, after, relevant):
    return before * ((relevant / (after + EPSILON * np.where(after >= 0, 1, -1))) @ weight.T)


def plus_share(before, weight, after, relevant):
    weight = np.maximum(weight, 0)
    return before * ((relevant / (before @ weight + 1e-6)) @ weight.T)


def test_relevance_is_that_of_the_definition_and_what_biases_keep_is_told():
    model = load_model(weighted(network()), preprocess=Preprocess(SIDE))
    expected, missing, logits = relevance(model.model, INPUTS, epsilon_share)
    found = model.vjp(
        INPUTS, lambda logits, kept: logits, wrt=("@input", ABSORBED, "hidden"), rule=EPSILON_RULE
    )
    np.testing.assert_allclose(found.logits, logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        found.gradients["@input"], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )
    np.testing.assert_allclose(found.gradients[ABSORBED], missing, rtol=1e-3, atol=1e-3)
    assert found.gradients[ABSORBED].shape == (2,)
    assert np.abs(missing).min() > 0.01


def test_rules_put_weights_through_functions_the_merged_ones_too():
    model = load_model(weighted(network()), preprocess=Preprocess(SIDE))
    before = [value.copy() for value in model.model.get_weights()]
    expected, *_ = relevance(model.model, INPUTS, plus_share)
    found = model.vjp(INPUTS, lambda logits, kept: logits, rule=Z_PLUS_RULE).gradients["@input"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    for value, now in zip(before, model.model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, value)


def test_what_is_absorbed_is_a_layer_only_where_kinds_absorb():
    model = load_model(weighted(network()), preprocess=Preprocess(SIDE))
    for rule in ("plain", Z_PLUS_RULE):
        with pytest.raises(ModelError, match="no layer '@absorbed'"):
            model.vjp(INPUTS, np.ones((2, 5), np.float32), wrt=(ABSORBED,), rule=rule)


LAYERS = {
    "conv": lambda: layers.Conv2D(4, 3, activation="relu", name="layer"),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, name="layer"),
    "transposed": lambda: layers.Conv2DTranspose(4, 3, strides=2, name="layer"),
    "without bias": lambda: layers.Conv2D(4, 3, use_bias=False, name="layer"),
    "grouped": lambda: layers.Conv2D(6, 3, groups=3, padding="same", name="layer"),
    "dense": lambda: layers.Dense(4, name="layer"),
    "norm": lambda: layers.BatchNormalization(name="layer"),
    "norm without scale": lambda: layers.BatchNormalization(scale=False, name="layer"),
}


@pytest.mark.parametrize("norm", [False, True], ids=["alone", "with a norm"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_run_again_with_other_weights(name, norm):
    """The gradient is the error of what is run, sent back plainly: where it is nothing, there is no error."""
    if name == "conv" and norm:
        pytest.skip("a normalization behind a rectifier is not merged")
    x = keras.Input((SIDE, SIDE, 3))
    y = LAYERS[name]()(x)
    if norm:
        y = layers.BatchNormalization(name="merged")(y)
    y = layers.GlobalAveragePooling2D(name="gap")(y)
    model = load_model(weighted(keras.Model(x, layers.Dense(5, name="fc")(y))), preprocess=Preprocess(SIDE))

    def same(gradient, inputs, output, layer):
        return layer.back(layer.forward(inputs, lambda weight: 1.0 * weight) - output)

    def doubled(gradient, inputs, output, layer):
        return layer.back(layer.forward(inputs, lambda weight: 2 * weight) - 2 * output)

    def unbiased(gradient, inputs, output, layer):
        return layer.back(layer.forward(inputs, bias=False) + layer.forward(-inputs))

    def twice(gradient, inputs, output, layer):
        return layer.back(gradient, lambda weight: 2 * weight) - 2 * layer.back(gradient)

    kind = {"dense": "Dense"}.get(name, "Normalization" if name.startswith("norm") else "Convolution")
    seed = np.ones((2, 5), np.float32)
    scale = np.abs(model.vjp(INPUTS, seed).gradients["@input"]).max()
    for function in (same, doubled, twice):
        found = model.vjp(INPUTS, seed, rule=Rule("try", {kind: function}, merge_norms=norm))
        assert np.abs(found.gradients["@input"]).max() < 1e-4 * max(scale, 1), function.__name__
    found = model.vjp(INPUTS, seed, rule=Rule("try", {kind: unbiased}, merge_norms=norm))
    biased = np.abs(found.gradients["@input"]).max() > 1e-2
    assert biased == (name != "without bias" or norm)
