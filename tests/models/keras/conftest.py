"""Small Keras networks, one for each trap."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from keras import layers

from nnlens.models import Preprocess

SIDE = 9


def image():
    return keras.Input((SIDE, SIDE, 3), name="image")


def plain():
    return keras.Sequential(
        [
            image(),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(3, 2, name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(5, activation="softmax", name="dense"),
        ]
    )


def residual():
    x = image()
    stem = layers.ReLU(name="relu0")(layers.Conv2D(4, 3, name="stem")(x))
    relu = layers.ReLU(name="relu")
    y = relu(layers.BatchNormalization(name="bn1")(layers.Conv2D(4, 3, padding="same", name="conv1")(stem)))
    y = layers.Conv2D(4, 3, padding="same", name="conv2")(y)
    y = relu(layers.Add(name="sum")([y, stem]))
    y = layers.GlobalAveragePooling2D(name="gap")(y)
    return keras.Model(x, layers.Dense(5, name="fc")(y))


def shared():
    """One convolution called three times."""
    x = image()
    conv = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv")
    y = conv(conv(conv(x)))
    return keras.Model(
        x, layers.Softmax(name="end")(layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(y)))
    )


def nested():
    """A network within a network within a network, as in transfer learning."""
    inner = keras.Sequential(
        [keras.Input((SIDE, SIDE, 4)), layers.Conv2D(3, 3, name="a"), layers.ReLU(name="b")], name="inner"
    )
    y = keras.Input((SIDE, SIDE, 3))
    base = keras.Model(y, inner(layers.Conv2D(4, 3, padding="same", name="conv")(y)), name="base")
    x = image()
    out = layers.GlobalMaxPooling2D(name="pool")(base(layers.Rescaling(2.0, name="scale")(x)))
    return keras.Model(x, layers.Dense(5, activation="softmax", name="fc")(out))


def twice():
    """One network inside that is called twice."""
    inner = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Conv2D(3, 3, padding="same", name="a")], name="inner"
    )
    x = image()
    return keras.Model(
        x, layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(inner(keras.ops.relu(inner(x)))))
    )


def branches():
    """Depthwise and dilated branches that are joined, ReLU6, a separable convolution; logits by a 1×1 convolution."""
    x = image()
    a = layers.ReLU(6.0, name="relu6")(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x))
    b = layers.Conv2D(2, 3, dilation_rate=2, padding="same", activation="relu", name="dilated")(x)
    y = layers.SeparableConv2D(6, 3, name="separable")(layers.Concatenate(name="joined")([a, b]))
    y = layers.GlobalAveragePooling2D(keepdims=True, name="gap")(y)
    y = layers.Reshape((5,), name="reshape")(layers.Conv2D(5, 1, name="preds")(y))
    return keras.Model(x, layers.Activation("softmax", name="end")(y))


def operations():
    """Operations in place of layers."""
    x = image()
    y = keras.ops.relu(layers.Conv2D(4, 3, name="conv")(x)) * 2.0
    y = layers.Dense(5, name="fc")(keras.ops.mean(y, axis=(1, 2)))
    return keras.Model(x, keras.ops.log_softmax(y, axis=-1))


def written():
    """Rectifiers that are written as a maximum, a clipping, a choice and a mask."""
    x = image()
    y = keras.ops.clip(layers.Conv2D(4, 3, name="conv")(x), 0, 1)
    y = keras.ops.maximum(layers.Conv2D(4, 2, name="conv2")(y), 0)
    y = layers.Conv2D(4, 1, name="conv3")(y)
    y = keras.ops.where(keras.ops.greater(y, 0), y, 0.0)
    y = layers.Dense(6, name="hidden")(keras.ops.mean(y, axis=(1, 2)))
    y = y * keras.ops.cast(keras.ops.greater(y, 0), "float32")
    return keras.Model(x, layers.Dense(5, name="fc")(y))


def convolved():
    """A softmax that is part of a convolution."""
    x = image()
    y = layers.Conv2D(5, SIDE, activation="softmax", name="conv")(x)
    return keras.Model(x, layers.Flatten(name="flatten")(y))


NETWORKS = [plain, residual, shared, nested, twice, branches, operations, written, convolved]
ENDS = {"residual": "linear", "twice": "linear", "operations": "log_softmax", "written": "linear"}
BY_NAME = {build.__name__: build for build in NETWORKS}


def make(build):
    keras.utils.set_random_seed(0)
    model = build()
    rng = np.random.default_rng(0)
    model.set_weights([value + 0.3 * rng.random(value.shape) for value in model.get_weights()])
    return model


@pytest.fixture(params=NETWORKS, ids=lambda build: build.__name__)
def network(request):
    return make(request.param)


@pytest.fixture
def ending(request):
    """What the network ends with."""
    return ENDS.get(request.node.callspec.params["network"].__name__, "softmax")


@pytest.fixture
def build():
    return lambda name: make(BY_NAME[name])


@pytest.fixture
def preprocess():
    return Preprocess(SIDE)


@pytest.fixture
def inputs():
    return np.random.default_rng(1).normal(size=(4, 3, SIDE, SIDE)).astype(np.float32)
