"""How far a map can be believed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens.errors import AnalysisError
from nnlens_embedding.rows import Float, Rows
from nnlens_embedding.scores import map_neighbors, score_neighborhoods, vote
from nnlens_embedding.text import caption, count, samples_used
from nnlens_embedding.work import ticker

NEIGHBORS = 10
SHORT_NAMES = {
    "trustworthiness": "trust",
    "kept_neighbors": "kNN kept",
    "kl_divergence": "KL",
}
"""What stands under a map, where there is room for a few words only."""


class Quality(Analysis):
    """Measure how well a map keeps the neighborhoods of the layer.

    Answers "are these points near because the samples are alike?"; misleads where a map keeps neighbors and tears
    groups apart: look at several maps. All figures are exact for the samples probed.
    """

    title = "Map quality"
    requires = {
        "projection": ("sample", "component"),
        "embedding": ("sample", "unit"),
        "label": ("sample",),
    }
    provides = {"trustworthiness": (), "kept_neighbors": (), "accuracy_2d": (), "kl_divergence": ()}

    probes = param.Integer(
        1500, bounds=(1, 100_000), precedence=10, doc="Samples that are asked, drawn by the seed."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: distances from every probe to every sample."""
        samples, units = sizes.get("sample", 0), sizes.get("unit", 1)
        return 0.2 + min(self.probes, samples) * samples * (units * 5e-11 + 1.2e-8)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Score the samples that have a finite embedding and a finite place on the map."""
        embedding, projection, label = _placed(data, context)
        k = min(NEIGHBORS, (len(embedding) - 1) // 2)
        if k < 1:
            raise AnalysisError(
                f"{count(len(embedding), 'sample')} cannot be scored: neighborhoods need at least three.",
                "Capture or select more samples.",
            )
        probes = np.sort(context.rng.permutation(len(embedding))[: self.probes])
        near = map_neighbors(projection, probes, k)
        trust, kept = score_neighborhoods(embedding, probes, near, ticker(context, "asking probes"))
        accuracy, asked = vote_accuracy(label, probes, near)
        facts = {
            "k": k,
            "probes": len(probes),
            "left_out": _left_out(data, len(embedding)),
            **_divergence(data),
        }
        words = [
            f"{count(len(probes), 'probe')} of {samples_used(len(embedding), int(facts['left_out']))}",
            count(k, "neighbor"),
            "" if asked == len(probes) else f"accuracy on the {asked:,} labelled",
            f"KL {facts['kl_divergence']:.3f}" if "kl_divergence" in facts else "",
        ]
        figures = {
            "trustworthiness": trust,
            "kept_neighbors": kept,
            "accuracy_2d": accuracy,
            "kl_divergence": facts.get("kl_divergence", float("nan")),  # of a map that tells none
        }
        short = {**SHORT_NAMES, "accuracy_2d": f"{projection.shape[1]}-D accuracy"}
        return xr.Dataset(
            {name: ((), value, {"short_name": short[name]}) for name, value in figures.items()},
            attrs={"caption": caption(*words), **facts},
        )


def _placed(data: xr.Dataset, context: Context) -> tuple[Float, NDArray[np.float64], NDArray[np.int64]]:
    """Return centered embedding, projection and label of the samples that have finite ones."""
    rows = Rows(data["embedding"], tick=ticker(context, "reading the layer"))
    finite = np.isin(data["sample"].to_numpy(), rows.ids)
    projection = data["projection"].to_numpy()[finite].astype(np.float64)
    label = data["label"].to_numpy()[finite].astype(np.int64)
    placed = np.isfinite(projection).all(axis=1)
    embedding = rows.array()[placed]
    embedding -= embedding.mean(axis=0)
    return embedding, projection[placed], label[placed]


def vote_accuracy(
    label: NDArray[np.int64], probes: NDArray[np.int64], near: NDArray[np.int64]
) -> tuple[float, int]:
    """Return how often the commonest label of the neighbors is the probe's own, and of how many probes.

    Unlabelled probes are not asked; unlabelled neighbors do not vote, and a probe with no other ones counts as wrong.
    """
    asked = label[probes] >= 0
    if not asked.any():
        return float("nan"), 0
    right = vote(label, near[asked]) == label[probes[asked]]
    return float(right.mean()), int(asked.sum())


def _left_out(data: xr.Dataset, scored: int) -> int:
    """Return how many samples were not scored, with those that the map or the reduced layer never had."""
    before = max(int(data[name].attrs.get("left_out", 0)) for name in ("projection", "embedding"))
    return data.sizes["sample"] - scored + before


def _divergence(data: xr.Dataset) -> dict[str, float]:
    """Return the divergence that t-SNE left with its map, where it did."""
    value = data["projection"].attrs.get("kl_divergence")
    return {} if value is None else {"kl_divergence": float(value)}
