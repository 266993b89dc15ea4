"""Train the Fashion-MNIST network: ``python -m nnlens.models.zoo.train_fashion_mnist``; minutes on two cores.

It sees the 60,000 of the training split only, mirrored and moved about at random. The accuracy on the test split is
measured once, after training, and chooses nothing.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from nnlens.models.zoo import NETWORKS
from nnlens.samples import load_samples

NAME = "fashion-mnist"
EPOCHS = 12


def main() -> None:
    """Train, say the accuracy on both parts, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).parent / f"{NAME}.safetensors")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    training = importlib.import_module("nnlens.models.torch.training")
    train, test = load_samples(NAME, "train"), load_samples(NAME, "test")
    training.train_and_save(
        NETWORKS[NAME], train, test, options.out, epochs=options.epochs, batch=128, shift=1, flip=True
    )


if __name__ == "__main__":
    main()
