"""Whether another preprocessing would do much better than the one that a run was captured with: a quick look."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.candidates import Candidate, common_candidates
from nnlens.capturing.doctor import CLEARLY, mcnemar, tried_positions
from nnlens.capturing.outcome import CHANCE_SAMPLES
from nnlens.capturing.probing import wanted_outputs
from nnlens.capturing.trials import Trials, are_readable
from nnlens.capturing.wording import options_of
from nnlens.models.base import Float, Model
from nnlens.models.preprocess import Preprocess
from nnlens.samples.base import Samples
from nnlens.schema import LOGITS
from nnlens.store.reader import Store

ROUNDS = (4, 8, 20, 48, 120)
"""Samples of each round, after which the better half of the candidates goes on: 200 in all."""
MUCH = 0.05
"""What accuracy must gain before a user is warned; smaller differences are for `nnlens doctor`."""
SECONDS, SHARE = 2.0, 0.03
"""No round begins that would end after so many seconds, or this part of the capture's if that is longer."""


class PreprocessWarning(UserWarning):
    """Another preprocessing would do much better than the one in use."""


@dataclass(frozen=True)
class Finding:
    """A preprocessing that does much better.

    Attributes
    ----------
    preprocess : Preprocess
    accuracy, used_accuracy : float
        With it, and with the one in use, on the same samples.
    count : int
        Number of these samples.
    """

    preprocess: Preprocess
    accuracy: float
    used_accuracy: float
    count: int


def warn_of_preprocess(model: Model, samples: Samples, store: Store) -> bool:
    """Warn if another preprocessing would do much better; return whether one would.

    Parameters
    ----------
    model : Model
    samples : Samples
        With the labels that the run was captured with.
    store : Store
        The run.
    """
    full, means = wanted_outputs(store.layers)

    def predict(inputs: Float) -> Float:
        """Run what the capture ran: TensorFlow takes a second to get ready for anything else."""
        return model.activations(inputs, full, means, exact=False)[LOGITS]

    predictions = store.samples["prediction"].values
    found = much_better(model, samples, predictions, float(store.metadata.get("seconds", 0)), predict)
    if found is None:
        return False
    warnings.warn(
        f"Another preprocessing does much better: accuracy {found.accuracy:.3f} against {found.used_accuracy:.3f} on "
        f"{found.count} samples with {options_of(found.preprocess)} ('nnlens doctor MODEL SAMPLES' looks closer).",
        PreprocessWarning,
        stacklevel=4,
    )
    return True


def much_better(
    model: Model,
    samples: Samples,
    predictions: NDArray[np.int64],
    seconds: float,
    predict: Callable[[Float], Float] | None = None,
) -> Finding | None:
    """Look for a preprocessing that does much better than the one in use, for a short time.

    Values and order of colors are varied, not the fit. The one in use costs nothing: its predictions are there.

    Parameters
    ----------
    model : Model
    samples : Samples
    predictions : ndarray of int64, dims (sample,)
        With the preprocessing in use.
    seconds : float
        What it took to get them.
    predict : callable, optional
        Gives logits for inputs; the model's own where it is left out.

    Returns
    -------
    Finding or None
        None also where nothing can be told: hardly any labels, too little time, or the architecture's own code.
    """
    if model.preprocess.code:
        return None
    fit = (samples.labels >= 0) & (samples.labels < model.class_count)
    right = predictions == samples.labels
    if fit.sum() < CHANCE_SAMPLES or right[fit].mean() > 1 - MUCH:
        return None
    positions = tried_positions(model, samples, sum(ROUNDS))
    positions = np.random.default_rng(0).permutation(positions[are_readable(samples, positions)])
    looks = _Looks(model, samples, predict or model.predict, seconds / max(1, len(samples)))
    best = _best(common_candidates(model.preprocess)[1:], positions, looks, max(SECONDS, SHARE * seconds))
    if best is None:
        return None
    candidate, correct = best
    used = right[positions[: len(correct)]]
    gained = correct.mean() - used.mean()
    if gained < MUCH or correct.mean() <= 1 / model.class_count or mcnemar(correct, used) >= CLEARLY:
        return None
    return Finding(candidate.preprocess, float(correct.mean()), float(used.mean()), len(correct))


class _Looks:
    """Runs samples with candidates and keeps what each sample takes, at most so far and then as measured."""

    def __init__(
        self, model: Model, samples: Samples, predict: Callable[[Float], Float], each: float
    ) -> None:
        self._model, self._samples, self._given = model, samples, predict
        self._ran = 0
        self.each = each

    def run(self, candidates: list[Candidate], positions: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
        """Return where each candidate was right."""
        began, self._ran = time.perf_counter(), 0
        trials = Trials(self._model, self._samples, positions, None, self._predict)
        found = [trials.correct(attempt) for attempt in trials.run(candidates, "")]
        self.each = (time.perf_counter() - began) / max(1, self._ran)
        return found

    def _predict(self, inputs: Float) -> Float:
        self._ran += len(inputs)  # what gives the same inputs is run once
        return self._given(inputs)


def _best(
    candidates: list[Candidate], positions: NDArray[np.int64], looks: _Looks, limit: float
) -> tuple[Candidate, NDArray[np.bool_]] | None:
    """Return the candidate that does best in round after round, and where it was right."""
    left = list(candidates)
    right = {candidate.name: np.zeros(0, bool) for candidate in left}
    began, start = time.perf_counter(), 0
    for count in ROUNDS:
        part = positions[start : start + count]
        spent = time.perf_counter() - began
        if not len(part) or spent + looks.each * len(part) * len(left) > limit:
            break
        for candidate, correct in zip(left, looks.run(left, part), strict=True):
            right[candidate.name] = np.append(right[candidate.name], correct)
        start += len(part)
        left.sort(key=lambda candidate: -right[candidate.name].sum())
        left = left[: (len(left) + 1) // 2]
    return (left[0], right[left[0].name]) if start else None
