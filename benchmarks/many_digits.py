"""Make a run of as many digits as you like, captured by the demo's own network: for measuring pages of a million.

    python benchmarks/many_digits.py RUN [--samples 1000000]

The digits of the embedded set, each drawn again and again with other noise, so that no two are alike and the network
errs here and there; with PCA of its hidden layer and of the pixels, so that a page has both maps at once.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import nnlens
from nnlens.samples import Samples
from nnlens.schema import INPUT

NOISE = 24
"""Standard deviation of the noise, in steps of a byte: an accuracy of about .99."""


def many_digits(count: int, seed: int = 0) -> Samples:
    """Draw digits with noise."""
    rng = np.random.default_rng(seed)
    digits = nnlens.load_samples("digits", split="all")
    chosen = rng.integers(0, len(digits), count)
    images = digits.images(np.arange(len(digits)))[chosen].astype(np.float32)
    images += rng.normal(0, NOISE, images.shape).astype(np.float32)
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    return Samples(
        pixels, digits.labels[chosen], class_names=digits.class_names, name="many digits", split="test"
    )


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("run", help="a folder that does not exist")
    cli.add_argument("--samples", type=int, default=1_000_000)
    given = cli.parse_args()
    started = time.perf_counter()
    store = nnlens.capture(nnlens.load_model("zoo:digits"), many_digits(given.samples), given.run)
    print(f"{given.samples:,} samples captured in {time.perf_counter() - started:.0f} s: {given.run}")
    lens = nnlens.Lens(store)
    for layer in ({}, {"layer": INPUT}):
        started = time.perf_counter()
        result = lens.run("pca", **layer)
        print(f"{result.attrs['title']} in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
