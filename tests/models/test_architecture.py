"""Architectures for Keras take arguments as those for torch do."""

from pathlib import Path

import numpy as np

from nnlens.models import ModelReference, load_model, reopen_model

CODE = """
import keras

def net(classes, width=1):
    layers = keras.layers
    return keras.Sequential([keras.Input((5, 5, 1)), layers.Conv2D(width, 3, name="conv"), layers.Flatten(name="flat"),
                             layers.Dense(classes, name="fc")])
"""


def test_an_architecture_of_keras_takes_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(CODE)
    namespace = {}
    exec(CODE, namespace)
    network = namespace["net"](3, width=2)
    network.save_weights("net.weights.h5")
    model = load_model("net.weights.h5", "net.py:net(3, width=2)")
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 5, 1), np.uint8)
    np.testing.assert_allclose(
        model.predict(model.prepare(images)), network(images / np.float32(255)).numpy(), atol=1e-5
    )
    again = reopen_model(ModelReference.from_dict(model.reference.to_dict()))
    assert (again.fingerprint, again.class_count) == (model.fingerprint, 3)
