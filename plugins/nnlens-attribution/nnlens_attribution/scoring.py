"""The number that is watched while an input is changed: the target's, by forward passes alone."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nnlens.models.base import Float, Model
from nnlens.schema import LOGITS
from nnlens_attribution.masking import Score
from nnlens_attribution.targets import probabilities

Kind = Literal["logit", "probability"]


def score_of(model: Model, target: int | str, kind: Kind) -> Score:
    """Return what gives the target's number for each input (sample,).

    Parameters
    ----------
    model : Model
    target : int or str
        A class; or ``"LAYER:INDEX"``, whose activation it is then, of a spatial layer the largest of that channel.
    kind : {"logit", "probability"}
        Of a class.
    """
    if isinstance(target, str):
        return _unit(model, target)

    def score(inputs: Float) -> Float:
        logits = model.activations(inputs, [LOGITS], exact=False)[LOGITS]
        return (probabilities(logits) if kind == "probability" else logits)[:, target]

    return score


def _unit(model: Model, target: str) -> Score:
    layer, _, index = target.rpartition(":")

    def score(inputs: Float) -> Float:
        activation = model.activations(inputs, [layer], exact=False)[layer][:, int(index)]
        return np.asarray(activation.reshape(len(activation), -1).max(axis=1))

    return score
