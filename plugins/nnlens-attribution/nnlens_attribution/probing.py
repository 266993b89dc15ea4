"""Explain samples one after the other by what a network answers to changed copies of each: no gradients are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from nnlens.analysis import Context
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.models.base import Float, Model
from nnlens.schema import UNLABELLED
from nnlens_attribution.explaining import PROVIDES
from nnlens_attribution.masking import Score
from nnlens_attribution.scoring import Kind, score_of
from nnlens_attribution.targets import network, probabilities

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
    model, samples = network(context), data.sizes["sample"]
    maps = context.empty((samples, model.preprocess.height, model.preprocess.width))
    found: list[tuple[int, int, float]] = []
    for place in range(samples):
        sample = data.isel(sample=[place])
        tick = _ticker(context, place * work.copies, samples * work.copies)
        made = _explained(sample, context.request.target, model, work, tick)
        if made is not None:
            maps[len(found)], *rest = made
            found.append((int(sample["sample"][0]), *rest))
        if context.stopping and found:
            break
    if not found:
        raise AnalysisError(
            "The network's output is not finite here, so there is nothing to explain.",
            "Look at the image and at the preprocessing.",
        )
    said = [work.words, *_said(context.request.target, found), *_doubts(work.kind, model)]
    return _result(maps[: len(found)], found, place + 1 - len(found), said, model)


Made = tuple[Float, int, float]


def _explained(
    sample: xr.Dataset, target: int | str | None, model: Model, work: Work, tick: Tick
) -> Made | None:
    """Return map, target and probability of one sample; None where the output is not finite."""
    image = model.prepare(sample["image"].to_numpy())
    logits = model.predict(image)
    if target is None or target == "label":
        target = int(logits[0].argmax() if target is None else sample["label"][0])
    if not np.isfinite(logits).all() or target == UNLABELLED:
        return None
    made = work.probe(model, image[0], score_of(model, target, work.kind), tick)
    if isinstance(target, str):
        number, value = int(target.rpartition(":")[2]), score_of(model, target, work.kind)(image)[0]
    else:
        number, value = target, probabilities(logits)[0, target]
    return (made, number, float(value)) if np.isfinite(made).all() else None


def _said(target: int | str | None, found: list[tuple[int, int, float]]) -> list[str]:
    unit = isinstance(target, str) and target != "label"
    which: object = {None: "predicted class", "label": "label"}.get(target, target if unit else "class")
    if len(found) > 1:
        numbered = f" {target}" if isinstance(target, int) else ""
        return [f"{which}{numbered} of {len(found):,} samples"]
    _, number, value = found[0]
    return [f"{which} · activation {value:.3g}" if unit else f"{which} {number} · probability {value:.3f}"]


def _doubts(kind: Kind, model: Model) -> list[str]:
    if kind == "probability" or model.has_logits:
        return []
    return ["of the logarithm of probabilities: the network gives no logits"]


def _ticker(context: Context, done: int, total: int) -> Tick:
    def tick(more: int) -> bool:
        if context.cancelled:
            raise JobCancelledError("Cancelled while explaining samples.")
        context.progress(done + more, total, "explaining samples")
        return context.stopping

    return tick


def _result(
    maps: Float, found: list[tuple[int, int, float]], left_out: int, said: list[str], model: Model
) -> xr.Dataset:
    ids, targets, values = zip(*found, strict=True)
    arrays = maps, np.array(targets, np.int64), np.array(values, np.float32)
    lost = [f"{left_out:,} left out"] if left_out else []
    return xr.Dataset(
        {name: (dims, array) for (name, dims), array in zip(PROVIDES.items(), arrays, strict=True)},
        coords={"sample": np.array(ids, np.int64)},
        attrs={
            "caption": " · ".join([*said, *lost]),
            "left_out": left_out,
            "from_logits": bool(model.has_logits),
        },
    )
