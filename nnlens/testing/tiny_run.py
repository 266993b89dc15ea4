"""Runs that are made in a moment: synthetic pictures through a tiny network."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing import capture
from nnlens.samples import load_samples
from nnlens.store import Store
from nnlens.testing.tiny_network import SIDE, TinyModel


def tiny_images(
    samples: int = 60, classes: int = 3, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw pictures with one bright blob, whose place is the class, over noise.

    Returns
    -------
    images : ndarray of uint8, dims (sample, y, x, channel)
    labels : ndarray of int64, dims (sample,)
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % classes
    angle = 2 * np.pi * labels / classes
    row, column = (SIDE - 1) / 2 + 2 * np.sin(angle), (SIDE - 1) / 2 + 2 * np.cos(angle)
    y, x = np.mgrid[:SIDE, :SIDE]
    distance = (y - row[:, None, None]) ** 2 + (x - column[:, None, None]) ** 2
    values = 200 * np.exp(-distance / 3) + rng.uniform(0, 40, (samples, SIDE, SIDE))
    return values.astype(np.uint8)[..., None], labels.astype(np.int64)


def tiny_model(classes: int = 3, seed: int = 0) -> TinyModel:
    """Build the network that `tiny_store` captures: the same one for the same arguments."""
    return TinyModel(classes, seed).fit_head(*tiny_images(60, classes, seed))


def tiny_store(
    path: str | Path,
    samples: int = 60,
    classes: int = 3,
    seed: int = 0,
    *,
    constant: bool = False,
    invalid: int = 0,
    keep: list[str] | str = "all",
) -> Store:
    """Make a run of a few samples for tests, in about a tenth of a second and without a framework.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    samples, classes, seed : int
    constant : bool
        All pictures are the same, so every layer is constant.
    invalid : int
        So many samples, the first ones, have activations that are NaN.
    keep : list of str or "all"
        Spatial layers that the run holds in full.

    Returns
    -------
    Store
        Layers ``conv`` and ``relu1`` are spatial; ``fc1``, ``relu2`` and ``fc2`` are flat.
    """
    images, labels = tiny_images(samples, classes, seed)
    if constant:
        images[:] = 100
    images[:invalid, 0, 0] = 255
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # pictures that are all the same, or not numbers, are what is asked for
        return capture(tiny_model(classes, seed), load_samples((images, labels)), path, keep=keep)
