"""Backward rules on Keras: the oracles are networks rebuilt with `tf.custom_gradient`, and numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import Preprocess, load_model
from nnlens.rules import Rule

SIDE = 9


def positive(gradient):
    return gradient * (gradient > 0)


def guided_leaky(gradient, inputs, output, layer):
    slope = layer.settings["slope"]
    return positive(gradient) * ((inputs > 0) * (1 - slope) + slope)


GUIDED = Rule(
    "guided",
    {
        "ReLU": lambda g, x, y, layer: positive(g) * (x > 0),
        "ReLU6": lambda g, x, y, layer: positive(g) * (x > 0) * (x < layer.settings["top"]),
        "LeakyReLU": guided_leaky,
    },
)
DECONV = Rule("deconv", dict.fromkeys(("ReLU", "ReLU6", "LeakyReLU"), lambda g, x, y, layer: positive(g)))
SAME = Rule(
    "same",
    dict.fromkeys(
        (
            *("ReLU", "ReLU6", "LeakyReLU", "Convolution", "Dense", "Normalization", "Add", "Multiply"),
            *("AveragePooling", "MaxPooling"),
        ),
        lambda g, x, y, layer: layer.back(g),
    ),
    merge_norms=True,
)


@keras.saving.register_keras_serializable("nnlens tests")
class ByKeras(keras.Layer):
    """A rectifier inside of a layer of one's own."""

    def call(self, inputs):
        return keras.ops.relu(inputs - 0.1) + 0.1


@keras.saving.register_keras_serializable("nnlens tests")
class ByTensorFlow(keras.Layer):
    def call(self, inputs):
        return tf.nn.relu(features=inputs - 0.1) + 0.1


class Bent(keras.Layer):
    """The same with the gradient of an oracle."""

    def __init__(self, function, name):
        super().__init__(name=name)
        self.function = function

    def call(self, inputs):
        return self.function(inputs - 0.1) + 0.1


def oracle(name, top=None, slope=0.0):
    """Return an activation function with the gradient of a rule, written from its definition."""

    @tf.custom_gradient
    def activation(x):
        def back(gradient):
            passed = tf.where(gradient > 0, gradient, tf.zeros_like(gradient))
            if name == "deconv":
                return passed
            derivative = tf.where(x > 0, tf.ones_like(x), slope * tf.ones_like(x))
            if top is not None:
                derivative = tf.where(x >= top, tf.zeros_like(x), derivative)
            return passed * derivative

        y = tf.where(x > 0, x, slope * x)
        return (y if top is None else tf.minimum(y, top)), back

    return activation


def fused(rule):
    relu = oracle(rule) if rule else "relu"
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 3, activation=relu, name="conv"),
            layers.MaxPooling2D(3, 2, name="pool"),
            layers.SeparableConv2D(5, 2, activation=relu, name="separable"),
            layers.Flatten(name="flatten"),
            layers.Dense(6, activation=relu, name="hidden"),
            layers.Dense(5, activation="softmax", name="end"),
        ]
    )


def everywhere(rule):
    """Rectifiers as layers, one of them called twice, as activation, as operation, and inside of layers."""
    relu = oracle(rule)
    x = keras.Input((SIDE, SIDE, 3))
    twice = layers.Activation(relu, name="twice") if rule else layers.ReLU(name="twice")
    stem = twice(layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(x))
    y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, padding="same", name="conv1")(stem))
    y = twice(layers.Add(name="sum")([y, stem]))
    y = layers.Activation(relu if rule else "relu", name="act")(layers.Conv2D(4, 2, name="conv2")(y))
    y = (Bent(relu, "a") if rule else ByKeras(name="a"))(layers.Conv2D(4, 2, name="conv3")(y))
    y = (Bent(relu, "b") if rule else ByTensorFlow(name="b"))(y + layers.Conv2D(4, 1, name="conv4")(y))
    y = layers.Conv2D(4, 1, name="conv5")(y)
    y = layers.Activation(relu, name="op")(y) if rule else keras.ops.relu(y)
    return keras.Model(x, layers.Dense(5, name="fc")(layers.GlobalAveragePooling2D(name="gap")(y)))


def mobile(rule):
    six, four = oracle(rule, 6.0), oracle(rule, 4.0)
    x = keras.Input((SIDE, SIDE, 3))
    y = layers.Conv2D(6, 3, strides=2, padding="same", name="conv")(x)
    y = layers.BatchNormalization(name="bn1")(y)
    y = layers.Activation(six, name="r1")(y) if rule else layers.ReLU(6.0, name="r1")(y)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(y)
    y = layers.BatchNormalization(name="bn2")(y)
    y = layers.Activation(four, name="r2")(y) if rule else layers.ReLU(4.0, name="r2")(y)
    y = layers.Conv2D(6, 1, activation=six if rule else "relu6", name="pointwise")(y)
    return keras.Model(x, layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(y)))


def leaky(rule):
    x = keras.Input((SIDE, SIDE, 3))
    y = layers.Conv2D(4, 3, activation=oracle(rule, slope=0.2) if rule else "leaky_relu", name="conv")(x)
    y = layers.Conv2D(4, 3, name="conv2")(y)
    bent = layers.Activation(oracle(rule, slope=0.3), name="leaky")
    y = bent(y) if rule else layers.LeakyReLU(negative_slope=0.3, name="leaky")(y)
    return keras.Model(x, layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(y)))


NETWORKS = [fused, everywhere, mobile, leaky]
INPUTS = np.random.default_rng(1).normal(size=(3, 3, SIDE, SIDE)).astype(np.float32)
SEED = np.random.default_rng(2).normal(size=(3, 5)).astype(np.float32)


def weighted(network):
    rng = np.random.default_rng(0)
    network.set_weights(
        [
            (0.5 * rng.normal(size=value.shape) if value.ndim > 1 else 0.2 + rng.random(value.shape))
            for value in network.get_weights()
        ]
    )
    return network


def opened(network):
    return load_model(network, preprocess=Preprocess(SIDE))


def is_close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("rule", [GUIDED, DECONV], ids=lambda rule: rule.name)
@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_rectifiers_are_reached_wherever_they_are(build, rule):
    model, bent = opened(weighted(build(None))), opened(weighted(build(rule.name)))
    expected, found = bent.vjp(INPUTS, SEED), model.vjp(INPUTS, SEED, rule=rule)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    is_close(found.gradients["@input"], expected.gradients["@input"])
    assert found.plain_at == ()
    plain = model.vjp(INPUTS, SEED).gradients["@input"]
    assert not np.allclose(plain, expected.gradients["@input"], rtol=0.1), "the oracle is the gradient"


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_rule_that_goes_back_plainly_gives_the_gradient(build):
    model = opened(weighted(build(None)))
    wrt = ("@input", model.layers[1].name)
    plain = model.vjp(INPUTS, SEED, wrt=wrt)
    found = model.vjp(INPUTS, SEED, wrt=wrt, rule=SAME)
    np.testing.assert_array_equal(found.logits, plain.logits)
    for name in wrt:
        is_close(found.gradients[name], plain.gradients[name])


def test_nonlinearities_without_a_function_are_told_where_a_gradient_passed_them():
    class Own(keras.Layer):
        def call(self, inputs):
            return tf.nn.gelu(inputs)

    x = keras.Input((SIDE, SIDE, 3))
    y = layers.Conv2D(4, 3, activation="gelu", name="conv")(x)
    y = layers.Activation("mish", name="act")(Own(name="own")(y))
    y = layers.Flatten(name="flatten")(layers.ReLU(name="relu")(y))
    model = opened(weighted(keras.Model(x, layers.Dense(5, activation="softmax", name="fc")(y))))
    found = model.vjp(INPUTS, SEED, rule=GUIDED)
    assert found.plain_at == ("conv (GELU)", "own (GELU)", "act (Mish)")
    late = model.vjp(INPUTS, SEED, wrt=("own",), rule=GUIDED)
    assert late.plain_at == ("act (Mish)",)
    assert model.vjp(INPUTS, SEED).plain_at == ()
    linear = Rule("linear", {"Dense": lambda g, x, y, layer: layer.back(g)})
    assert model.vjp(INPUTS, SEED, rule=linear).plain_at == ()
    # their gradient is the plain one: behind the rectifier nothing bends it
    seed = np.cos(model.activations(INPUTS, ["act"])["act"])
    plain, bent = (model.vjp(INPUTS, seed, at="act", rule=rule) for rule in ("plain", GUIDED))
    is_close(bent.gradients["@input"], plain.gradients["@input"])


def test_a_rule_may_be_for_a_class_of_layers():
    class Own(keras.Layer):
        def call(self, inputs):
            return inputs * 3.0

    x = keras.Input((SIDE, SIDE, 3))
    y = layers.MaxPooling2D(2, name="pool")(Own(name="own")(x))
    model = opened(weighted(keras.Model(x, layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(y)))))
    plain = model.vjp(INPUTS, SEED).gradients["@input"]
    own = Rule("own", {"Own": lambda g, x, y, layer: g * (y / x) * 2})
    is_close(model.vjp(INPUTS, SEED, rule=own).gradients["@input"], 2 * plain)
    pool = Rule("pool", {"MaxPooling2D": lambda g, x, y, layer: -layer.back(g)})
    is_close(model.vjp(INPUTS, SEED, rule=pool).gradients["@input"], -plain)


def test_sums_and_products_come_in_pairs():
    x = keras.Input((SIDE, SIDE, 3))
    parts = [layers.Conv2D(3, 1, name=f"c{number}")(x) for number in range(3)]
    scale = layers.GlobalAveragePooling2D(keepdims=True, name="scale")(parts[0])
    y = layers.Multiply(name="product")([layers.Add(name="sum")(parts), scale])
    model = opened(weighted(keras.Model(x, layers.Dense(5, name="fc")(layers.Flatten(name="f")(y)))))
    product = Rule("product", {"Multiply": lambda g, x, y, layer: (g * x[1], g * x[0])})
    is_close(
        model.vjp(INPUTS, SEED, rule=product).gradients["@input"],
        model.vjp(INPUTS, SEED).gradients["@input"],
    )
    half = Rule("half", {"Add": lambda g, x, y, layer: (g / 2, g / 2)})
    wrt = ("sum", "c1", "c2")
    found = model.vjp(INPUTS, SEED, wrt=wrt, rule=half).gradients
    is_close(found["c2"], found["sum"] / 2)
    is_close(found["c1"], found["sum"] / 4)


def raising(gradient, inputs, output, layer):
    raise LookupError("of the rule's own")


def test_an_error_of_a_rule_is_told_and_nothing_is_left_behind():
    network = weighted(everywhere(None))
    model = opened(network)
    before = [value.copy() for value in network.get_weights()]
    functions = (tf.nn.relu, keras.ops.relu, keras.src.backend.nn.relu, tf.tanh)
    plain = model.vjp(INPUTS, SEED).gradients["@input"]
    for kind in ("ReLU", "Convolution", "Add"):
        with pytest.raises(LookupError, match="of the rule's own"):
            model.vjp(INPUTS, SEED, rule=Rule("raising", {kind: raising}))
    model.vjp(INPUTS, SEED, rule=GUIDED)
    with pytest.raises(ModelError, match=r"shape \(None, 5\) at 'fc' where the input has \(None, 4\)"):
        model.vjp(INPUTS, SEED, rule=Rule("misfit", {"Dense": lambda g, x, y, layer: g}))
    with pytest.raises(ZeroDivisionError):
        model.vjp(INPUTS, lambda logits, kept: 1 / 0, rule=GUIDED)
    for value, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(now, value)
    assert functions == (tf.nn.relu, keras.ops.relu, keras.src.backend.nn.relu, tf.tanh)
    np.testing.assert_array_equal(model.vjp(INPUTS, SEED).gradients["@input"], plain)


relu_by_name = tf.nn.relu  # as it is where somebody imported it by its name

WRITTEN = {
    "ops.maximum": ("ReLU", lambda x: keras.ops.maximum(x, 0)),
    "ops.maximum, turned": ("ReLU", lambda x: keras.ops.maximum(keras.ops.zeros_like(x), x)),
    "ops.where": ("ReLU", lambda x: keras.ops.where(x > 0, x, 0.0)),
    "a mask": ("ReLU", lambda x: x * keras.ops.cast(x > 0, "float32")),
    "ops.clip": ("ReLU6", lambda x: keras.ops.clip(x, 0, 4)),
    "ops.where of two": ("LeakyReLU", lambda x: keras.ops.where(x > 0, x, 0.2 * x)),
    "ops.maximum of two": ("LeakyReLU", lambda x: keras.ops.maximum(x, 0.2 * x)),
}
ON_TENSORFLOW = {
    "by its name": ("ReLU", lambda x: relu_by_name(x)),
    "raw": ("ReLU", lambda x: tf.raw_ops.Relu(features=x)),
    "raw six": ("ReLU6", lambda x: tf.raw_ops.Relu6(features=x)),
    "tf.maximum": ("ReLU", lambda x: tf.maximum(0.0, x)),
    "tf.clip_by_value": ("ReLU6", lambda x: tf.clip_by_value(x, 0.0, 4.0)),
}
HIDDEN = {
    "Maximum": lambda x: tf.maximum(x, 0.5),
    "Gate": lambda x: tf.where(x > 1, x, 0.5),
    "Erf": lambda x: x * tf.math.erf(x),
    "Abs": lambda x: (x + tf.abs(x)) / 2,
    "ClipByValue": lambda x: tf.raw_ops.ClipByValue(t=x, clip_value_min=0.0, clip_value_max=4.0),
    "Minimum": lambda x: tf.minimum(x, 1.0),
    "ReLU6": lambda x: tf.clip_by_value(x, 0.0, 4.0),
    "tf.function": lambda x: tf.function(lambda y: tf.nn.relu(y), autograph=False)(x),
    "tf.custom_gradient": oracle("deconv"),
}


class Own(keras.Layer):
    def __init__(self, function, name="own"):
        super().__init__(name=name)
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def with_own(function):
    x = keras.Input((SIDE, SIDE, 3))
    y = Own(function)(layers.Conv2D(4, 3, name="conv")(x))
    y = Own(function, "again")(layers.Conv2D(4, 2, name="conv2")(y))
    return weighted(keras.Model(x, layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(y))))


@pytest.mark.parametrize("rule", [GUIDED, DECONV], ids=lambda rule: rule.name)
@pytest.mark.parametrize("form", WRITTEN | ON_TENSORFLOW)
def test_a_rectifier_follows_the_rule_however_it_is_written(form, rule):
    kind, function = (WRITTEN | ON_TENSORFLOW)[form]
    top = {"ReLU6": 6.0 if form == "raw six" else 4.0}.get(kind)
    bent = oracle(rule.name, top=top, slope=0.2 if kind == "LeakyReLU" else 0.0)
    expected = opened(with_own(bent)).vjp(INPUTS, SEED).gradients["@input"]
    found = opened(with_own(function)).vjp(INPUTS, SEED, rule=rule)
    is_close(found.gradients["@input"], expected)
    assert found.plain_at == ()


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_a_rule_does_not_reach_is_named_with_its_layer(kind):
    model = opened(with_own(HIDDEN[kind]))
    plain = Rule("plain bends", {"ReLU": lambda g, x, y, layer: layer.back(g)})
    bent, own = (model.vjp(INPUTS, SEED, rule=each) for each in (plain, "plain"))
    assert set(bent.plain_at) == {f"own ({kind})", f"again ({kind})"}
    is_close(bent.gradients["@input"], own.gradients["@input"])


@pytest.mark.parametrize("form", WRITTEN | ON_TENSORFLOW)
def test_a_rule_that_leaves_rectifiers_as_they_are_is_the_gradient(form):
    _, function = (WRITTEN | ON_TENSORFLOW)[form]
    model = opened(with_own(function))
    same = Rule("elu alone", {"ELU": lambda g, x, y, layer: 0 * g})
    is_close(
        model.vjp(INPUTS, SEED, rule=same).gradients["@input"], model.vjp(INPUTS, SEED).gradients["@input"]
    )
