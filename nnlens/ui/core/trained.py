"""Whether the network was trained on samples, as far as the run says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnlens.ui.core.record import texts
from nnlens.ui.core.session import Session

HELD_OUT = ("test", "val", "dev", "eval", "held", "holdout")
"""What the name of a split begins with whose samples are kept from training."""
RULE = (
    "Told by the column split alone: a name that begins with train is training data; test, val, dev, eval, held or "
    "holdout is not; of any other nothing is known. A network may have learned wrong labels of its training data by "
    "heart, and then they are not found: rank samples that it was not trained on."
)


@dataclass(frozen=True)
class Trained:
    """How many samples are of which kind.

    Attributes
    ----------
    training, held_out, unknown : int
    """

    training: int
    held_out: int
    unknown: int

    @property
    def warns(self) -> bool:
        """Whether some of the samples are training data."""
        return self.training > 0

    @property
    def words(self) -> str:
        """Say it in one line."""
        total = self.training + self.held_out + self.unknown
        if self.training == total and total:
            return "Computed on training data"
        if self.training:
            return f"{self.training:,} of {total:,} are training data"
        return "Trained on these or not: unknown" if self.unknown else "No training data among these"


def trained(session: Session) -> Trained:
    """Count the samples of a run that a network was trained on, by the rule of `RULE`."""
    splits = texts(session).get("split")
    if splits is None:
        return Trained(0, 0, len(session.data))
    names, counts = np.unique(np.array([str(name or "") for name in splits.tolist()]), return_counts=True)
    found: dict[bool | None, int] = {True: 0, False: 0, None: 0}
    for name, number in zip(names.tolist(), counts.tolist(), strict=True):
        found[is_training(name)] += number
    return Trained(found[True], found[False], found[None])


def is_training(split: str) -> bool | None:
    """Tell from the name of a split whether its samples are training data; None where nobody knows."""
    name = split.strip().casefold()
    return True if name.startswith("train") else False if name.startswith(HELD_OUT) else None
