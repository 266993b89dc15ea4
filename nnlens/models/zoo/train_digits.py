"""Train the digits network: ``python -m nnlens.models.zoo.train_digits``; about a quarter of a minute.

It sees the training part of the digits only, moved about by a pixel at random. The ids of the other part stand in
nnlens/samples/digits_held_out.txt; the accuracy on them is measured once, after training, and chooses nothing.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from nnlens.models.zoo import NETWORKS
from nnlens.samples import load_samples

EPOCHS = 60


def main() -> None:
    """Train, say the accuracy on both parts, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path(__file__).parent / "digits.safetensors")
    out = parser.parse_args().out
    training = importlib.import_module("nnlens.models.torch.training")
    train, test = load_samples("digits", "train"), load_samples("digits", "test")
    training.train_and_save(NETWORKS["digits"], train, test, out, epochs=EPOCHS, shift=1)


if __name__ == "__main__":
    main()
