"""Telling logits from probabilities by their values."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3
SMALLEST = 1e-30
"""Probabilities below are taken for this before a logarithm."""

Values = NDArray[np.floating[Any]]


def explains(logits: Values, output: Values) -> bool:
    """Whether an output is the softmax of logits, or the logarithm of it; both of dims (sample, class_)."""
    if logits.shape != output.shape:
        return False
    shifted = logits.astype(float) - logits.max(axis=1, keepdims=True)
    expected = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return any(np.allclose(output, guess, atol=TOLERANCE) for guess in (expected, np.exp(expected)))


def meaning(output: Values) -> Literal["probability", "log-probability", "logit"]:
    """Tell what an output (sample, class_) is, where the way it was computed does not show a softmax."""
    values = output.astype(float)
    if (values >= 0).all() and _is_one(values.sum(axis=1)):
        return "probability"
    # the logarithm of a probability is at most zero, which also keeps exp from overflowing
    if (values <= TOLERANCE).all() and _is_one(np.exp(values).sum(axis=1)):
        return "log-probability"
    return "logit"


def _is_one(sums: Values) -> bool:
    return bool(np.allclose(sums, 1, atol=TOLERANCE))
