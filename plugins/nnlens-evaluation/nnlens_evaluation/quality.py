"""How well each label fits what the network sees: which samples are hard, and which labels are likely wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_evaluation.labels import Scored, scored

Floats = NDArray[np.float64]
CHUNK = 16_384
"""Samples whose probabilities are held at once: of a thousand classes 130 MB."""
ROUNDING = 1e-6
"""What an average and the numbers it is made of may differ by."""
SCORES = ("normalized margin", "self-confidence")


class LabelQuality(Analysis):
    """Rank samples by how little their label fits the prediction, and by how undecided the network is.

    Answers "which labels are likely wrong, and which samples are hard?"; misleads on the samples that the network was
    trained on, whose wrong labels it may have learned by heart: train on a part and look at another.

    References
    ----------
    .. [1] Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, 2021,
       arXiv:1911.00068.
    """

    title = "Label quality"
    requires = {"label": ("sample",), "prediction": ("sample",), "logit": ("sample", "class_")}
    provides = {"label_error": ("sample",), "hardness": ("sample",), "wrong_label": ("sample",)}

    score = param.Selector(
        default=SCORES[0],
        objects=list(SCORES),
        doc="How a label is weighed: by its probability less the largest other one, or by its probability alone.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: two passes over the probabilities."""
        return 0.02 + sizes.get("sample", 0) * (2e-7 + sizes.get("class_", 0) * 4e-8)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Score the samples that have a label and a prediction; what has none is left out."""
        known = scored(data)
        rows = np.flatnonzero(known.usable)
        judged = judge(data["logit"], known, rows, context)
        # a label that the network predicts is not called wrong, whatever is usual for another class
        issue = judged.issues(known.label[rows]) & (known.prediction[rows] != known.label[rows])
        quality = judged.margin if self.score == SCORES[0] else judged.own
        found = int(issue.sum())
        share = f"{found:,} likely wrong label{'' if found == 1 else 's'}"
        return xr.Dataset(
            {
                "label_error": ("sample", (1 - quality).astype(np.float32), {"long_name": "label error"}),
                "hardness": ("sample", judged.entropy.astype(np.float32)),
                "wrong_label": ("sample", issue, {"long_name": "likely wrong label"}),
            },
            coords={"sample": data["sample"].to_numpy()[rows].astype(np.int64)},
            attrs={
                "caption": f"{share} · {self.score} · {known.words()}",
                "likely_wrong": found,
                "left_out": known.left_out,
            },
        )


@dataclass(frozen=True)
class Judged:
    """What the probabilities say of the usable samples, dims (sample,) where not told.

    Attributes
    ----------
    own : ndarray
        Probability of the label.
    margin : ndarray
        Half of one plus that less the largest other one: 1 is sure of the label, 0 is sure of another.
    entropy : ndarray
        Of all classes, 0 is sure and 1 is a guess.
    likeliest : ndarray of int
        The class with the largest probability among those that reach their threshold, -1 where none does.
    """

    own: Floats
    margin: Floats
    entropy: Floats
    likeliest: NDArray[np.int64]

    def issues(self, label: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which samples belong to another class more surely than samples of that class do on average."""
        return np.asarray((self.likeliest >= 0) & (self.likeliest != label))


def judge(logit: xr.DataArray, known: Scored, rows: NDArray[np.intp], context: Context) -> Judged:
    """Read the probabilities of samples twice, a part at a time: for the thresholds, then against them."""
    label, parts = known.label[rows], [slice(at, at + CHUNK) for at in range(0, len(rows), CHUNK)]
    own = np.zeros(len(rows))
    for i, part in enumerate(parts):
        own[part] = _of_label(probabilities(logit, rows[part]), label[part])
        context.progress(i + 1, 2 * len(parts), "finding what is usual for each class")
    limits = thresholds(own, label, known.classes)
    margin, entropy, likeliest = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), np.int64)
    for i, part in enumerate(parts):
        chances = probabilities(logit, rows[part])
        margin[part] = normalized_margin(chances, label[part])
        entropy[part] = normalized_entropy(chances)
        likeliest[part] = _likeliest(chances, limits)
        context.progress(len(parts) + i + 1, 2 * len(parts), "comparing each label with the prediction")
    return Judged(own, margin, entropy, likeliest)


def probabilities(logit: xr.DataArray, rows: NDArray[np.intp]) -> Floats:
    """Return the softmax of some samples' logits, dims (sample, class_)."""
    values = logit.isel(sample=rows).to_numpy().astype(np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def thresholds(own: Floats, label: NDArray[np.int64], classes: int) -> Floats:
    """Return the mean probability of each class where it is the label, dims (class_,); infinite without samples."""
    counts = np.bincount(label, minlength=classes)
    totals = np.bincount(label, weights=own, minlength=classes)
    return np.divide(totals, counts, out=np.full(classes, np.inf), where=counts > 0)


def normalized_margin(chances: Floats, label: NDArray[np.int64]) -> Floats:
    """Return (1 + probability of the label - the largest other one) / 2, dims (sample,)."""
    if chances.shape[1] < 2:
        return np.ones(len(chances))
    others = chances.copy()
    others[np.arange(len(label)), label] = -1
    return np.asarray((1 + _of_label(chances, label) - others.max(axis=1)) / 2)


def normalized_entropy(chances: Floats) -> Floats:
    """Return the entropy of each sample's probabilities as a share of the largest that there can be."""
    if chances.shape[1] < 2:
        return np.zeros(len(chances))
    logs = np.log(np.where(chances > 0, chances, 1))
    return np.clip(-(chances * logs).sum(axis=1) / np.log(chances.shape[1]), 0, 1)


def _likeliest(chances: Floats, limits: Floats) -> NDArray[np.int64]:
    """Find the likeliest class among those whose threshold is reached, -1 where none is."""
    reached = np.where(chances >= limits - ROUNDING, chances, -1)
    best = reached.argmax(axis=1)
    return np.where(reached.max(axis=1) < 0, -1, best).astype(np.int64)


def _of_label(chances: Floats, label: NDArray[np.int64]) -> Floats:
    return np.asarray(chances[np.arange(len(label)), label])
