"""Many passes over changed copies of the same samples, as many at once as fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnlens.analysis import Context
from nnlens.errors import JobCancelledError
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.batches import batch_size, pieces
from nnlens_attribution.explaining import backward
from nnlens_attribution.targets import Target


def settled(model: Model, inputs: Float, target: Target) -> tuple[Target, Float, dict[str, Float]]:
    """Return the target as it is for the samples themselves, which copies keep, with logits and activations."""
    found = model.activations(inputs, ["@logits", *target.kept])
    logits = found.pop("@logits")
    return (target.of(target.numbers(logits)) if target.layer is None else target), logits, found


def turns(model: Model, samples: int, count: int) -> list[slice]:
    """Return which of `count` copies of each sample go through the network together."""
    return pieces(count, max(1, batch_size(model) // samples))


def gradients(model: Model, copies: Float, target: Target) -> Float:
    """Return the gradients of copies, dims (copy, sample, channel, y, x), each with the target of its sample."""
    count, samples = copies.shape[:2]
    repeated = target if target.chosen is None else target.of(np.tile(target.chosen, count))
    passed = backward(model, copies.reshape(-1, *copies.shape[2:]), repeated)
    return passed.gradients[INPUT].reshape(count, samples, *copies.shape[2:])


def values(model: Model, inputs: Float, target: Target) -> Float:
    """Return the number (sample,) that is explained, of other inputs."""
    found = model.activations(inputs, ["@logits", *target.kept])
    return target.values(found["@logits"], found)


def each(parts: list[slice], context: Context, alone: bool) -> Iterator[tuple[int, slice]]:
    """Yield how many passes there are in each part, and the part.

    Parameters
    ----------
    parts : list of slice
    context : Context
        Asked before each whether anybody still wants the result.
    alone : bool
        Whether these are all passes of the request, so that they are its progress.

    Raises
    ------
    JobCancelledError
        If nobody does.
    """
    for part in parts:
        if context.cancelled:
            raise JobCancelledError("Cancelled while explaining samples.")
        if alone:
            context.progress(part.start, parts[-1].stop, "passes")
        yield part.stop - part.start, part
