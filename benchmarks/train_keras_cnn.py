"""Train the Keras network of the capture benchmark on Fashion-MNIST: minutes on two cores.

``python benchmarks/train_keras_cnn.py`` writes benchmarks/out/keras_cnn.keras, a whole network whose softmax is part of
its last layer, as most have it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from keras import layers

from nnlens.samples import load_samples

HERE = Path(__file__).resolve().parent


def network() -> keras.Model:
    """Build the network: 110,000 weights."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Conv2D(32, 3, padding="same", name="conv3"),
            layers.BatchNormalization(name="bn3"),
            layers.ReLU(name="relu3"),
            layers.Flatten(name="flatten"),
            layers.Dropout(0.2, name="dropout"),
            layers.Dense(64, activation="relu", name="fc1"),
            layers.Dense(10, activation="softmax", name="fc2"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "out" / "keras_cnn.keras")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(0)
    model = network()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train, test = load_samples("fashion-mnist", "train"), load_samples("fashion-mnist", "test")
    images, others = (samples.images(slice(None)) / 255.0 for samples in (train, test))
    model.fit(images, train.labels, batch_size=128, epochs=options.epochs, verbose=2)
    print(f"fashion-mnist test: {model.evaluate(others, test.labels, verbose=0)[1]:.4f} of {len(test):,}")
    model.save(options.out)


if __name__ == "__main__":
    main()
