"""scikit-learn's 1,797 real digits of 8×8 pixels: always there, so the first run needs no network."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples

SPLITS = ("all", "train", "test")
LARGEST = 16
"""The digits come as counts of ink from 0 to 16."""


@cache
def held_out_ids() -> NDArray[np.int64]:
    """Return the ids that the digits network was never trained on: a fifth of every class, written down once."""
    text = files("nnlens.samples").joinpath("digits_held_out.txt").read_text()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return np.array(" ".join(lines).split(), np.int64)


def read_digits(split: str) -> Samples:
    """Read the digits: ``"train"``, the held-out ``"test"``, or ``"all"``; ids are positions in all 1,797.

    Raises
    ------
    SamplesError
        If there is no such split.
    """
    if split not in SPLITS:
        raise SamplesError(f"digits has no split {split!r}.", f"Its splits are {', '.join(SPLITS)}.")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / LARGEST)).astype(np.uint8)
    parts = np.full(len(images), "train", object)
    parts[held_out_ids()] = "test"
    ids = np.arange(len(images)) if split == "all" else np.flatnonzero(parts == split)
    return Samples(
        images[ids],
        bunch.target[ids],
        ids=ids,
        class_names=tuple("0123456789"),
        split=list(parts[ids]),
        name="digits",
    )
