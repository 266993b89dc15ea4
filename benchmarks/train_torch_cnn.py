"""Train the torch network of the capture benchmark on Fashion-MNIST: minutes on two cores.

``python benchmarks/train_torch_cnn.py`` writes benchmarks/out/torch_cnn.safetensors, for ``nnlens capture`` with
``--architecture benchmarks/torch_cnn.py:CNN``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nnlens.models.torch.training import train_and_save
from nnlens.samples import load_samples

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "out" / "torch_cnn.safetensors")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    train, test = load_samples("fashion-mnist", "train"), load_samples("fashion-mnist", "test")
    train_and_save(
        f"{HERE / 'torch_cnn.py'}:CNN", train, test, options.out, epochs=options.epochs, batch=128, flip=True
    )


if __name__ == "__main__":
    main()
