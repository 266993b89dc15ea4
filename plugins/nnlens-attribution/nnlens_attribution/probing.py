"""Explain samples one after the other by what a network answers to changed copies of each: no gradients are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from nnlens.analysis import Context
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.models.base import Float, Model, Pass
from nnlens.schema import UNLABELLED
from nnlens_attribution.explaining import NOTHING, Held, Made
from nnlens_attribution.masking import Score
from nnlens_attribution.repeating import settled
from nnlens_attribution.scoring import Kind, score_of
from nnlens_attribution.targets import Target, network, target_of

Tick = Callable[[int], bool]
"""Told how many copies are done; whether to be content with these."""
Probe = Callable[[Model, Float, Score, Tick], Float]
"""(model, image (channel, y, x), score, tick) → map (y, x)."""


@dataclass(frozen=True)
class Work:
    """What is done to each sample.

    Attributes
    ----------
    probe : callable
        Makes the map.
    kind : {"logit", "probability"}
        What is watched of a class.
    copies : int
        Changed copies of each sample.
    words : str
        What the caption says of the method.
    """

    probe: Probe
    kind: Kind
    copies: int
    words: str


def explain_singly(data: xr.Dataset, context: Context, work: Work) -> xr.Dataset:
    """Explain samples one after the other; a stop keeps those that are done, and what there is of the last.

    Parameters
    ----------
    data : Dataset
        With ``image``.
    context : Context
    work : Work

    Returns
    -------
    Dataset
        The variables of `PROVIDES`, for the samples whose output is finite; raw values.

    Raises
    ------
    AnalysisError
        If no output is finite.
    JobCancelledError
        If nobody wants them any more.
    """
    model, ids = network(context), data["sample"].to_numpy()
    held, seen = Held(context, len(ids)), 0
    for place in range(len(ids)):
        rows = slice(place, place + 1)
        image = model.prepare(data["image"][rows].to_numpy())
        target, logits, activations = settled(model, image, target_of(data, context, rows))
        tick = _ticker(context, place * work.copies, len(ids) * work.copies)
        found = _probed(model, image[0], target, logits, work, tick)
        held.add(ids[rows], Made(Pass(logits, activations), found[None]), target)
        seen = rows.stop
        if context.stopping and held.count:
            break
    if not held.count:
        raise AnalysisError(*NOTHING)
    return held.result(work.words, seen - held.count, model, of_logits=work.kind == "logit")


def _probed(model: Model, image: Float, target: Target, logits: Float, work: Work, tick: Tick) -> Float:
    """Return the map of one sample; not a number where the output is not finite or there is no label."""
    number = int(target.numbers(logits)[0])
    if not np.isfinite(logits).all() or number == UNLABELLED:
        return np.full(image.shape[1:], np.nan, np.float32)
    watched = number if target.layer is None else str(target.asked)
    return work.probe(model, image, score_of(model, watched, work.kind), tick)


def _ticker(context: Context, done: int, total: int) -> Tick:
    def tick(more: int) -> bool:
        if context.cancelled:
            raise JobCancelledError("Cancelled while explaining samples.")
        context.progress(done + more, total, "explaining samples")
        return context.stopping

    return tick
