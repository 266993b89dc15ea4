"""Saliency of several classes: a map for each that the network holds probable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model
from nnlens.schema import INPUT
from nnlens_attribution.batches import batch_size, image_batches, pieces
from nnlens_attribution.explaining import NOTHING, Attribution, backward
from nnlens_attribution.repeating import each
from nnlens_attribution.saliency import JOIN_DOC, JOINS, join_channels, join_words
from nnlens_attribution.targets import Target, network, probabilities

RANKED = {"ranked_class": np.int64, "probability": np.float32, "logit": np.float32}


class ClassSaliency(Attribution):
    """Show the saliency of each of the most probable classes.

    Answers "does the network look elsewhere for another class?"; misleads as saliency does, and where one logit rules
    all others: then the maps are alike. The target of the request plays no part.

    References
    ----------
    .. [1] Simonyan, Vedaldi, Zisserman, Deep inside convolutional networks, 2013, arXiv 1312.6034.
    """

    title = "Saliency by class"
    provides = {
        "class_attribution": ("sample", "rank", "y", "x"),
        **dict.fromkeys(RANKED, ("sample", "rank")),
    }

    classes = param.Integer(
        10, bounds=(1, 100_000), doc="How many, the most probable first; at most all of the network's."
    )
    join = param.Selector(default="max", objects=list(JOINS), precedence=10, doc=JOIN_DOC)

    @property
    def passes(self) -> float:
        """Forward and backward passes for a sample."""
        return float(self.classes)

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.01 + sizes.get("sample", 1) * 0.004 * min(self.classes, sizes.get("class_") or self.classes)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Explain the samples, each with as many passes as there are classes; a stop keeps those that are done."""
        model = network(context)
        count, used = min(self.classes, model.class_count), model.preprocess
        maps = context.empty((data.sizes["sample"], count, used.height, used.width))
        parts: list[dict[str, NDArray[np.generic]]] = []
        held = 0
        for rows, images in image_batches(data, context, batch_size(model)):
            alone = len(images) == data.sizes["sample"]
            ranks = each(pieces(count, 1), context, alone)
            found, good, facts = self._batch(model, model.prepare(images), count, ranks)
            held += len(found)
            maps[held - len(found) : held] = found
            parts.append(facts | {"sample": data["sample"][rows].to_numpy()[good]})
            if context.stopping and held:
                break
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return _result(maps[:held], joined, rows.stop - held, join_words(data, self.join), count)

    def _batch(
        self, model: Model, inputs: Float, count: int, ranks: Iterator[tuple[int, slice]]
    ) -> tuple[Float, NDArray[np.bool_], dict[str, NDArray[np.generic]]]:
        """Return maps (sample, rank, y, x), which samples they are of, and what RANKED names."""
        found, logits = [], model.predict(inputs)
        ranked = np.argsort(-logits, axis=1, kind="stable")[:, :count]
        for _, rank in ranks:
            passed = backward(model, inputs, Target(None).of(ranked[:, rank.start]))
            found.append(join_channels(passed.gradients[INPUT], self.join))
        maps = np.stack(found, axis=1)
        good = np.isfinite(logits).all(axis=1) & np.isfinite(maps).all(axis=(1, 2, 3))
        numbers = {"ranked_class": ranked, "probability": probabilities(logits), "logit": logits}
        for name in ("probability", "logit"):
            numbers[name] = np.take_along_axis(numbers[name], ranked, axis=1)
        return maps[good], good, {name: numbers[name][good].astype(kind) for name, kind in RANKED.items()}


def _result(
    maps: Float, facts: dict[str, NDArray[np.generic]], left_out: int, words: str, count: int
) -> xr.Dataset:
    if not len(maps):
        raise AnalysisError(*NOTHING)
    said = [
        f"{count} most probable classes of {len(maps):,} samples" if len(maps) > 1 else f"{count} classes"
    ]
    said += [words, f"{left_out:,} left out" if left_out else ""]
    return xr.Dataset(
        {
            "class_attribution": (("sample", "rank", "y", "x"), maps),
            **{name: (("sample", "rank"), facts[name]) for name in RANKED},
        },
        coords={"sample": facts["sample"].astype(np.int64)},
        attrs={"caption": " · ".join(filter(None, said)), "left_out": left_out},
    )
