"""What a finished capture warns of: guessing, labels and logits that do not fit, files that cannot be read."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping

from nnlens.samples.base import Samples
from nnlens.store.reader import Store


class NearChanceWarning(UserWarning):
    """The network hardly does better than guessing: mostly a wrong preprocessing."""


class LabelWarning(UserWarning):
    """Labels do not fit the outputs of the network."""


class BrokenFilesWarning(UserWarning):
    """Files of the data set are no pictures, or damaged."""


class InvalidLogitsWarning(UserWarning):
    """The network gives no numbers for some samples."""


def warn_of_outcome(store: Store, near_chance: bool = True) -> None:
    """Warn of what points to a wrong preprocessing, wrong labels, or a broken network.

    `near_chance` is False where a better preprocessing was told already.
    """
    facts = store.metadata
    if near_chance and facts.get("near_chance"):
        warnings.warn(
            f"Accuracy is {facts['accuracy']:.1%}, hardly better than guessing among {len(store.class_names)} classes: "
            "'nnlens doctor MODEL SAMPLES' tries other preprocessings (fit, scale, mean, std, order); check size and "
            "the order of the classes, too.",
            NearChanceWarning,
            stacklevel=3,
        )
    if facts.get("unfit"):
        warnings.warn(
            f"{_have(facts['unfit'])} a label that the network has no output for; their loss is NaN.",
            LabelWarning,
            stacklevel=3,
        )
    if facts.get("invalid"):
        warnings.warn(
            f"{_have(facts['invalid'])} logits that are not finite; their prediction is −1, their loss NaN.",
            InvalidLogitsWarning,
            stacklevel=3,
        )


def warn_of_files(samples: Samples) -> None:
    """Warn of files that were left out, or turned out to be damaged and stay as rows without numbers."""
    rows = set(samples.paths or ())
    for told, broken in (
        ("left out", {name: why for name, why in samples.broken.items() if name not in rows}),
        ("without a prediction", {name: why for name, why in samples.broken.items() if name in rows}),
    ):
        if broken:
            warnings.warn(_broken(told, broken), BrokenFilesWarning, stacklevel=3)


def _broken(told: str, broken: Mapping[str, str]) -> str:
    reasons = Counter(broken.values()).most_common(3)
    words = ", ".join(f"{count:,} {why if count == 1 else _plural(why)}" for why, count in reasons)
    count = "1 file is" if len(broken) == 1 else f"{len(broken):,} files are"
    return f"{count} {told}: {words}. The first is {next(iter(broken))}."


def _plural(why: str) -> str:
    """Turn what is said of one file into what is said of several."""
    return why.replace("is ", "are ", 1) if why.startswith("is ") else why.replace("has ", "have ", 1)


def _have(count: int) -> str:
    return "1 sample has" if count == 1 else f"{count:,} samples have"
