"""Which preprocessing a network was trained with, told from labelled samples: the silent error of this field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.candidates import IN_USE, Candidate, common_candidates, other_fits, own_candidates
from nnlens.capturing.classes import labels_as_outputs
from nnlens.capturing.outcome import Outcome
from nnlens.capturing.trials import Attempt, Trials
from nnlens.errors import ModelError, SamplesError
from nnlens.models.base import Model
from nnlens.models.preprocess import Preprocess
from nnlens.samples.base import Samples

SAMPLES_TRIED = 500
CLEARLY = 0.001
"""A preprocessing is clearly better below this chance of seeing such a difference where there is none. Some twenty are
compared with the one in use, so that a false alarm comes in at most one of fifty diagnoses."""

Progress = Callable[[int, int, str], None]
"""Called with what is done, the total, and what is being done."""


@dataclass(frozen=True)
class Trial:
    """How a network did with one preprocessing.

    Attributes
    ----------
    name : str
        What the preprocessing is called.
    preprocess : Preprocess
    correct : ndarray of bool, dims (sample,)
        Whether each sample was predicted right; none was where the network failed.
    invalid : int
        Samples whose logits are not finite; they are not predicted right.
    error : str
        Why the network failed; empty where it did not.
    p_value : float
        Chance of a difference like that from the one in use, in either direction, if both were equally good: McNemar's
        exact test.
    """

    name: str
    preprocess: Preprocess
    correct: NDArray[np.bool_]
    invalid: int
    error: str
    p_value: float

    @property
    def accuracy(self) -> float:
        """Part of the samples that was predicted right."""
        return float(self.correct.mean())

    @property
    def in_use(self) -> bool:
        """Whether this is the preprocessing in use."""
        return self.name == IN_USE


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Attributes
    ----------
    trials : tuple of Trial
        Best first, those in which the network failed last; of several that give the same inputs only the first.
    ids : ndarray of int64, dims (sample,)
        The samples that were tried.
    chance : float
        Accuracy of guessing.
    near_chance : bool
        Whether even the best is hardly better than guessing.
    note : str
        How classes were taken for outputs, where there are other numbers of them; else empty.
    """

    trials: tuple[Trial, ...]
    ids: NDArray[np.int64]
    chance: float
    near_chance: bool
    note: str = ""

    @property
    def used(self) -> Trial:
        """The preprocessing in use."""
        return next(trial for trial in self.trials if trial.in_use)

    @property
    def best(self) -> Trial:
        """The most accurate; the one in use where that is as good."""
        return self.trials[0]

    @property
    def better(self) -> Trial | None:
        """The most accurate of those that are clearly better than the one in use, by more than sampling error.

        None of them does worse than guessing: where classes are exchanged, what blurs them all may do better.
        """
        least = max(self.used.accuracy, self.chance)
        return next(
            (trial for trial in self.trials if trial.accuracy > least and trial.p_value < CLEARLY), None
        )


def diagnose(
    model: Model, samples: Samples, count: int = SAMPLES_TRIED, progress: Progress | None = None
) -> Diagnosis:
    """Try the common preprocessings on labelled samples and compare them with the one in use.

    Answers "are my images what the network was trained on?"; misleads where the right one is not among those tried, or
    the samples are those that the network was made to be wrong about. The size is not varied.

    First come values and order of colors, then each fit with the best of them and with those in use.

    Parameters
    ----------
    model : Model
        Its `preprocess` is the one in use.
    samples : Samples
        With labels that are outputs of the network.
    count : int
        Samples to try, spread over the whole data set.
    progress : callable, optional
        Called with what is done, the total and what is being done.

    Returns
    -------
    Diagnosis

    Raises
    ------
    SamplesError
        If no sample has a label that the network has an output for.
    ModelError
        If the network fails with every preprocessing, or has code of its own for it.

    References
    ----------
    .. [1] McNemar, Note on the sampling error of the difference between correlated proportions or percentages, 1947.
    """
    if model.preprocess.code:
        raise ModelError(
            f"Images become inputs by the own code of {model.name}: there is nothing to try.",
            "Give a size, and others are tried instead of it.",
        )
    samples, note = labels_as_outputs(samples, model.class_count)
    trials = Trials(model, samples, tried_positions(model, samples, count), progress)
    candidates = common_candidates(model.preprocess)
    candidates += own_candidates(model.preprocess, trials.pixels(model.preprocess))
    attempts = trials.run(candidates, "trying values and order of colors")
    fits = [
        fit
        for each in dict.fromkeys((attempts[0].candidate, _best(attempts, trials)))
        for fit in other_fits(each)
    ]
    attempts += trials.run(fits, "trying fits")
    if all(attempt.error for attempt in attempts):
        raise ModelError(
            f"The network fails with each of {len(attempts)} preprocessings: {attempts[0].error}",
            "Check its size.",
        )
    return _judged(_distinct(attempts), trials, model.class_count, note)


def tried_positions(model: Model, samples: Samples, count: int) -> NDArray[np.int64]:
    """Return the positions of labelled samples to try, one from each of `count` equal parts of the data set.

    Where in its part is drawn at random, the same each time: a fixed stride would meet one class only where the
    classes take turns.

    Raises
    ------
    SamplesError
        If no sample has a label that the network has an output for.
    """
    if not (samples.labels >= 0).any():
        raise SamplesError(
            "The samples have no labels, and without them no preprocessing is better than another.",
            "Give labelled ones.",
        )
    labelled = np.flatnonzero((samples.labels >= 0) & (samples.labels < model.class_count))
    if not len(labelled):
        raise SamplesError(
            f"No label is among the {model.class_count} outputs of the network.",
            "Labels are positions of outputs, from 0.",
        )
    edges = np.linspace(0, len(labelled), min(max(1, count), len(labelled)) + 1).astype(np.int64)
    return labelled[np.random.default_rng(0).integers(edges[:-1], edges[1:])]


def mcnemar(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the two-sided p-value of McNemar's exact test: a binomial test on the samples where two differ.

    Parameters
    ----------
    one, other : ndarray of bool, dims (sample,)
        Whether each was right.
    """
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    count = gained + lost
    term = total = 1
    for position in range(min(gained, lost)):
        term = term * (count - position) // (position + 1)
        total += term
    return min(1.0, 2 * total / 2**count)


def _best(attempts: Sequence[Attempt], trials: Trials) -> Candidate:
    return max(attempts, key=lambda attempt: trials.correct(attempt).sum()).candidate


def _distinct(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Leave out attempts whose inputs were those of an earlier one; what failed gave too few to tell."""
    found: dict[object, Attempt] = {}
    for attempt in attempts:
        found.setdefault(attempt.name if attempt.error else tuple(attempt.inputs), attempt)
    return list(found.values())


def _judged(attempts: Sequence[Attempt], trials: Trials, class_count: int, note: str) -> Diagnosis:
    ids = trials.ids
    used = trials.correct(attempts[0])
    found = [
        Trial(
            attempt.name,
            attempt.candidate.preprocess,
            correct := trials.correct(attempt),
            trials.invalid(attempt),
            attempt.error,
            mcnemar(correct, used),
        )
        for attempt in attempts
    ]
    found.sort(key=lambda trial: (bool(trial.error), -trial.accuracy))  # stable: the one in use was first
    outcome = Outcome(len(used), int(found[0].correct.sum()))
    return Diagnosis(tuple(found), ids, 1 / class_count, outcome.near_chance(class_count), note)
