"""Runs of given numbers: what a layer and the logits hold is said here, sample by sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnlens.capturing import capture
from nnlens.samples import Samples
from nnlens.store import Store
from nnlens.testing import tiny_images, tiny_model


def run_of(
    vectors: Any = None,
    logits: Any = None,
    labels: Any = None,
    class_names: list[str] | None = None,
    classes: int = 3,
    path: str = "run",
) -> Store:
    """Capture a run whose layer ``fc1`` holds these vectors and whose network gives these logits.

    Parameters
    ----------
    vectors, logits : array, dims (sample, unit) and (sample, class_), optional
        Those of the tiny network when left out.
    labels : array, dims (sample,), optional
    class_names : list of str, optional
    classes : int
        Outputs of the network.
    path : str
    """
    count = next(len(each) for each in (vectors, logits, labels) if each is not None)
    images, own = tiny_images(count, classes)
    images[:, 0, 0, 0] = np.arange(count)  # by which the network knows which sample it sees
    model = tiny_model(classes)
    fast = model.activations

    def activations(inputs: Any, layers: Any, pooled: Any = (), exact: bool = True) -> dict[str, Any]:
        found = fast(inputs, layers, pooled, exact)
        rows = np.minimum(np.rint(np.nan_to_num(inputs[:, 0, 0, 0]) * 255).astype(int), count - 1)
        if vectors is not None and "fc1" in found:
            found["fc1"] = np.asarray(vectors, np.float32)[rows]
        if logits is not None:
            found |= {
                name: np.asarray(logits, np.float32)[rows] for name in ("@logits", "fc2") if name in found
            }
        return found

    model.activations = activations  # type: ignore[method-assign]
    if vectors is not None:
        width = np.shape(vectors)[1:]
        model.layers = tuple(
            replace(layer, shape=width) if layer.name == "fc1" else layer for layer in model.layers
        )
    samples = Samples(images, own if labels is None else labels, class_names=class_names)
    return capture(model, samples, Path(path))
