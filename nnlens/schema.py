"""The words of nnlens: names of dimensions and variables, and the check that a dataset uses them.

One word, one meaning. A plugin that provides ``projection`` with dims ``(sample, component)`` is understood by every
view.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from nnlens.errors import AnalysisError

SCHEMA_VERSION = 1
INPUT = "@input"
"""The layer of the pixels."""
POOLED_LAYERS = "pooled_layers"
"""The variable that holds the pooled channels of every layer of the run, side by side."""
LOGITS = "@logits"
"""The layer of the logits: the input of the final softmax."""
UNLABELLED = -1
"""The label of a sample without one, and the prediction of a sample whose logits are not finite."""
LARGE_BYTES = 256 << 20
"""A result over this stands in a file while it is made, and is read from the run piece by piece."""

DIMENSIONS: Mapping[str, str] = {
    "sample": "one input; its coordinate is the stable int64 id",
    "channel": "a feature map of a layer, or a color channel of an image",
    "y": "height, downwards",
    "x": "width",
    "unit": "one scalar of a flat layer",
    "component": "an axis of a projection",
    "class_": "an output of the network",
    "rank": "order of closeness or strength, best first",
    "label_": "rows of a confusion matrix: the class given",
    "stage": "how many layers are changed; its coordinate is the name of the last one",
    "effect": "a way in which chosen samples differ from the rest, the clearest first",
    "step": "a place on a curve; its coordinate is the share of pixels changed, from 0 to 1",
}

Dims = tuple[str, ...]

REST = "..."
"""Stands at the end of the dims of a required variable: whatever dims follow, such as those of a layer of any form."""

VARIABLES: Mapping[str, tuple[Dims, ...]] = {
    "label": (("sample",),),
    "prediction": (("sample",),),
    "loss": (("sample",),),
    "logit": (("sample", "class_"),),
    "image": (("sample", "y", "x", "channel"),),
    "input": (("sample", "channel", "y", "x"),),
    "activation": (("sample", "unit"), ("sample", "channel", "y", "x")),
    "pooled": (("sample", "channel"),),
    "pooled_layers": (("sample", "unit"),),
    "embedding": (("sample", "unit"),),
    "projection": (("sample", "component"),),
    "neighbor": (("sample", "rank"),),
    "distance": (("sample", "rank"),),
    "attribution": (("sample", "y", "x"), ("sample", "channel", "y", "x")),
}
"""Variables with an agreed meaning and the dims they may have; analyses are free to provide others."""


def check_provides(dataset: xr.Dataset, provides: Mapping[str, Dims], who: str) -> None:
    """Check that a result holds what its analysis promised.

    Parameters
    ----------
    dataset : Dataset
        The result.
    provides : mapping of str to tuple of str
        Variable names with their dims, as the analysis declares them.
    who : str
        The analysis' name, for the message.

    Raises
    ------
    AnalysisError
        If a promised variable is missing, has other dims, or ``sample`` lacks int64 ids.
    """
    for name, dims in provides.items():
        if name not in dataset:
            raise AnalysisError(f"{who} promised the variable {name!r} and did not return it.")
        if tuple(dataset[name].dims) != tuple(dims):
            raise AnalysisError(
                f"{who} promised {name!r} with dims {tuple(dims)} and returned {dataset[name].dims}."
            )
    if "sample" in dataset.dims and not has_ids(dataset):
        raise AnalysisError(f"{who} returned samples without their int64 ids as the coordinate 'sample'.")


def has_ids(dataset: xr.Dataset) -> bool:
    """Whether the dimension ``sample`` has its int64 ids as coordinate."""
    return "sample" in dataset.coords and dataset["sample"].dtype == np.int64
