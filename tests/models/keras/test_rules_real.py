"""Guided backpropagation of a real photo through MobileNet, against the network rebuilt with custom gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nnlens.models import Preprocess, load_model
from nnlens.rules import Rule
from nnlens.samples import load_samples

pytestmark = [pytest.mark.data, pytest.mark.slow]

GUIDED = Rule(
    "guided",
    {"ReLU6": lambda g, x, y, layer: g * (g > 0) * (x > 0) * (x < layer.settings["top"])},
)


@tf.custom_gradient
def bent(x):
    def back(gradient):
        return tf.where((gradient > 0) & (x > 0) & (x < 6), gradient, tf.zeros_like(gradient))

    return tf.clip_by_value(x, 0, 6), back


def rebuilt(layer):
    if isinstance(layer, keras.layers.ReLU):
        return keras.layers.Activation(bent, name=layer.name)
    return type(layer).from_config(layer.get_config())


def test_guided_backpropagation_of_a_photo_is_that_of_the_rebuilt_network(test_data):
    model = load_model(
        test_data / "models" / "mobilenet_v1_025_224.keras",
        preprocess=Preprocess(224, scale=1 / 127.5, mean=1),
    )
    inputs = model.prepare(load_samples(test_data / "imagenette").images([7]))
    other = keras.models.clone_model(model.model, clone_function=rebuilt)
    other.set_weights(model.model.get_weights())
    seed = np.eye(model.class_count, dtype=np.float32)[model.predict(inputs).argmax(1)]
    expected = load_model(other, preprocess=model.preprocess).vjp(inputs, seed).gradients["@input"]
    found = model.vjp(inputs, seed, rule=GUIDED)
    assert found.plain_at == ()
    np.testing.assert_allclose(
        found.gradients["@input"], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max()
    )
    assert np.abs(expected).max() > 0
