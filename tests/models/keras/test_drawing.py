"""Copies of Keras networks with weights drawn anew."""

import keras
import numpy as np
import pytest
from keras import layers

from nnlens.errors import ModelError
from nnlens.models import load_model


def test_all_weights_have_their_values_in_another_order(build, preprocess, inputs):
    for name in ("residual", "nested", "shared"):
        model = load_model(build(name), preprocess=preprocess)
        before = [value.copy() for value in model.model.get_weights()]
        drawn = model.randomized(seed=3)
        for variable, own, new in zip(model.model.weights, before, drawn.model.get_weights(), strict=True):
            np.testing.assert_array_equal(np.sort(new, axis=None), np.sort(own, axis=None))
            if own.size > 8 or "moving" in variable.path:  # a few values may stay as they are by chance
                assert np.array_equal(new, own) == ("moving" in variable.path), variable.path
        for own, now in zip(before, model.model.get_weights(), strict=True):
            np.testing.assert_array_equal(now, own)
        assert (drawn.layers, drawn.preprocess, drawn.reference) == (model.layers, model.preprocess, None)
        np.testing.assert_array_equal(drawn.predict(inputs), model.randomized(seed=3).predict(inputs))
        assert model.randomized(seed=4).fingerprint != drawn.fingerprint != model.fingerprint


def test_chosen_layers_are_drawn_as_they_are_with_others(build, preprocess):
    model = load_model(build("residual"), preprocess=preprocess)
    all_drawn, one = (model.randomized(names, seed=1).model for names in (None, ["conv2"]))
    for layer in model.model.layers:
        source = all_drawn if layer.name == "conv2" else model.model
        for own, new in zip(
            source.get_layer(layer.name).get_weights(), one.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(new, own)
    with pytest.raises(ModelError, match="no layer 'magic'"):
        model.randomized(["magic"])


def test_a_network_that_cannot_be_copied_is_told(preprocess):
    class Own(keras.Layer):
        def __init__(self, size, name):
            super().__init__(name=name)

        def call(self, inputs):
            return inputs

    x = keras.Input((9, 9, 3))
    y = layers.Dense(5, name="fc")(layers.Flatten(name="flatten")(Own(3, name="own")(x)))
    with pytest.raises(ModelError, match="cannot be copied"):
        load_model(keras.Model(x, y), preprocess=preprocess).randomized()
