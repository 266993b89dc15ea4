"""What is known of one sample, as plain data: for the inspector, and for the clipboard as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED
from nnlens.ui.core.data import RunData
from nnlens.ui.core.session import Session

SHOWN_CLASSES = 10
AT_ONCE = 16_384
"""Samples whose probabilities are held at once: of a thousand classes 130 MB."""


@dataclass(frozen=True)
class Record:
    """One sample.

    Attributes
    ----------
    sample, position : int
        Its id, and its place in the run.
    label, prediction : int
        −1 where there is none.
    loss : float
    rank : int or None
        1 is the largest loss of the run; None where the loss is not finite.
    probability : ndarray, dims (class_,), or None
        Softmax of the logits; None where the run has no finite ones.
    margin : float
        Probability of the label less the largest other; NaN without label or probabilities.
    scored : bool
        Whether a network predicted it.
    """

    sample: int
    position: int
    label: int
    prediction: int
    loss: float
    rank: int | None
    probability: NDArray[np.float64] | None
    margin: float
    scored: bool = True

    @property
    def correct(self) -> bool | None:
        """Whether the prediction is the label; None without a label, and where no network predicted."""
        return None if self.label == UNLABELLED or not self.scored else self.label == self.prediction

    @property
    def best(self) -> list[int]:
        """The most probable classes, the best first."""
        if self.probability is None:
            return []
        return [int(c) for c in np.argsort(-self.probability, kind="stable")[:SHOWN_CLASSES]]


def read(session: Session, sample: int | None) -> Record | None:
    """Return what is known of a sample; None where the run has no such one."""
    data, position = session.data, session.data.position(sample)
    if sample is None or position is None:
        return None
    label, loss = int(data.label[position]), float(data.loss[position])
    probability = softmax(data.logit[position]) if data.logit is not None else None
    return Record(
        sample=int(sample),
        position=position,
        label=label,
        prediction=int(data.prediction[position]),
        loss=loss,
        rank=int((data.loss > loss).sum()) + 1 if math.isfinite(loss) else None,
        probability=probability,
        margin=margin(probability, label),
        scored=data.scored,
    )


def softmax(logits: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return probabilities, dims (class_,); None where a logit is not finite."""
    values = np.asarray(logits, np.float64)
    if not values.size or not np.isfinite(values).all():
        return None
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def confidences(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return the probability of each prediction, dims (sample,); NaN where a logit is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        top = logits.max(axis=1, keepdims=True)
        return np.asarray(1 / np.exp(logits - top).sum(axis=1), np.float32)


def confidence(logits: NDArray[Any]) -> float:
    """Return the probability of the prediction of one sample, from its logits, dims (class_,)."""
    return float(confidences(logits[None])[0])


def margin(probability: NDArray[np.float64] | None, label: int) -> float:
    """Return the probability of the label less the largest other one."""
    if probability is None or not 0 <= label < len(probability) or len(probability) < 2:
        return math.nan
    return float(probability[label] - np.delete(probability, label).max())


def margins(logits: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float32]:
    """Return what `margin` does for all samples at once, dims (sample,)."""
    found = np.full(len(label), np.nan, np.float32)
    if logits.shape[1] < 2:
        return found
    known = (label >= 0) & (label < logits.shape[1]) & np.isfinite(logits).all(axis=1)
    for at in np.array_split(np.flatnonzero(known), -(-len(label) // AT_ONCE) or 1):
        chances = np.exp(logits[at] - logits[at].max(axis=1, keepdims=True), dtype=np.float64)
        chances /= chances.sum(axis=1, keepdims=True)
        rows = np.arange(len(at))
        own = chances[rows, label[at]]
        chances[rows, label[at]] = -1
        found[at] = own - chances.max(axis=1)
    return found


def facts(session: Session, record: Record) -> dict[str, str]:
    """Return what the run knows of a sample in words: its part of the data set, its file."""
    return {name: str(values[record.position]) for name, values in texts(session).items()}


def texts(session: Session) -> dict[str, NDArray[Any]]:
    """Return the columns of a run that are texts, dims (sample,), read once for all sessions."""
    samples = {} if session.lens is None else session.lens.store.samples
    read_all = lambda _: {name: samples[name].values for name in ("split", "path") if name in samples}  # noqa: E731
    return session.data.once("texts", read_all)


def to_json(session: Session, record: Record, places: Mapping[str, Any]) -> str:
    """Write a record as JSON.

    Parameters
    ----------
    session : Session
    record : Record
    places : mapping of str to sequence of float
        Where each map shows the sample, by the map's title.
    """
    data = session.data
    extras = {name: _plain(values[record.position]) for name, values in data.extras.items()}
    whole = {
        "run": data.name,
        "id": record.sample,
        **facts(session, record),
        "label": data.class_name(record.label) if record.label != UNLABELLED else None,
        **(_outcome(data, record) if record.scored else {}),
        "places": {title: [_plain(value) for value in place] for title, place in places.items()},
        **extras,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1)


def _outcome(data: RunData, record: Record) -> dict[str, Any]:
    """Return what the network made of a sample, as plain data."""
    return {
        "prediction": data.class_name(record.prediction) if record.prediction >= 0 else None,
        "loss": _plain(record.loss),
        "rank": record.rank,
        "margin": _plain(record.margin),
        "probability": {data.class_name(c): _plain(record.probability[c]) for c in record.best}
        if record.probability is not None
        else None,
    }


def _plain(value: Any) -> Any:
    """Return a number or text that JSON can hold; NaN becomes null."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float):
        return round(item, 6) if math.isfinite(item) else None
    return item
