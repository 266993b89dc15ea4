"""The same analyses on Keras networks, against a GradientTape of a few lines."""

import numpy as np
import pytest
from nnlens_attribution.gradcam import GradCAM
from nnlens_attribution.saliency import Saliency

from nnlens import Preprocess, load_model

tf = pytest.importorskip("tensorflow", reason="TensorFlow is an extra")
keras = pytest.importorskip("keras", reason="Keras is an extra")


@pytest.fixture(scope="module", params=["logits", "softmax layer", "fused softmax"])
def network(request):
    """A Keras network, its part up to the logits, and the nnlens model."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 18, 3))
    x = keras.layers.Conv2D(6, 5, activation="relu", name="conv")(image)
    x = keras.layers.MaxPooling2D(3, 2, padding="same")(x)
    x = keras.layers.Conv2D(7, 3, name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    head = keras.layers.Dense(5, name="head")
    logits = head(x)
    upto = keras.Model(image, logits)
    if request.param == "softmax layer":
        model = keras.Model(image, keras.layers.Softmax()(logits))
    elif request.param == "fused softmax":
        fused = keras.layers.Dense(5, activation="softmax", name="fused")
        model = keras.Model(image, fused(x))
        fused.set_weights(head.get_weights())
    else:
        model = upto
    return upto, load_model(model, preprocess=Preprocess((16, 18), mean=0.4, std=0.3))


def naive(upto, model, pictures, layer=None):
    """The gradient of the predicted class' logit at the image, or the layer's output with its gradient."""
    inputs = tf.constant(np.moveaxis(model.prepare(pictures["image"].values), 1, -1))
    if layer is None:
        watched = None
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            best = tf.reduce_max(upto(inputs), axis=1)
        return None, tape.gradient(best, inputs).numpy()
    both = keras.Model(upto.inputs, [upto.get_layer(layer).output, upto.output])
    with tf.GradientTape() as tape:
        watched, logits = both(inputs)
        tape.watch(watched)
        best = tf.reduce_max(logits, axis=1)
    return watched.numpy(), tape.gradient(best, watched).numpy()


def test_saliency_is_the_tapes(network, pictures, asking):
    upto, model = network
    _, gradient = naive(upto, model, pictures)
    result = Saliency().compute(pictures, asking(model))
    assert np.allclose(result["attribution"], np.abs(gradient).max(-1), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("layer", ["conv", "maps"])
def test_gradcam_is_the_tapes(network, pictures, asking, layer):
    upto, model = network
    activation, gradient = naive(upto, model, pictures, layer)
    weight = gradient.mean((1, 2), keepdims=True)
    small = np.maximum((weight * activation).sum(-1), 0)
    oracle = tf.image.resize(small[..., None], (16, 18), "bilinear").numpy()[..., 0]
    result = GradCAM().compute(pictures, asking(model, layer))
    assert np.allclose(result["attribution"], oracle, rtol=1e-3, atol=1e-6)
