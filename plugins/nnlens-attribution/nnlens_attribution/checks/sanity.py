"""Whether maps depend on what the network has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import param
import xarray as xr

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.models.base import Float, Model
from nnlens_attribution.checks.checking import (
    Check,
    Group,
    groups,
    maps_again,
    maps_of,
    method_of,
    over,
)
from nnlens_attribution.checks.similarity import similarity
from nnlens_attribution.targets import network

DEPENDS, HARDLY = 0.3, 0.7
"""Mean rank correlation with all weights drawn anew, below and above which the caption says so."""


class SanityCheck(Check):
    """Draw the weights anew from the last layer down, and see whether the map changes.

    Answers "does the map show what the network learned, or what any network would show?"; misleads where the input
    alone makes maps alike (a black border has no attribution under any weights), and about maps with few values above
    zero. Similarity is Spearman's rank correlation of absolute values: 1 for the same map, 0 for one that has nothing
    to do with it, NaN where the map is the same everywhere and so ranks nothing. The same output is explained
    throughout.

    References
    ----------
    .. [1] Adebayo et al., Sanity checks for saliency maps, 2018, arXiv 1810.03292.
    """

    title = "Sanity check"
    provides = {"similarity": ("sample", "stage")}

    stages = param.Integer(
        8, bounds=(1, 1000), doc="At how many depths maps are compared, spread over the layers with weights."
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.05 + self.stages * sizes.get("sample", 1) * 0.006

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Compare the maps at each stage; a stop keeps the stages that are done."""
        model, parts = network(context), groups(data, context)
        cascade = stages_of(model, self.stages)
        seed = int(context.rng.integers(2**31))
        values = np.full((data.sizes["sample"], len(cascade)), np.nan, np.float32)
        done = 0
        for stage, (_, drawn) in enumerate(cascade):
            other = model.randomized(drawn, seed)
            for number, group in enumerate(parts):
                values[group.positions, stage] = _alike(data, context, group, other)
                context.progress(
                    stage * len(parts) + number + 1, len(cascade) * len(parts), "drawing weights"
                )
            done = stage + 1
            if context.stopping:
                break
        names = [name for name, _ in cascade[:done]]
        return xr.Dataset(
            {"similarity": (("sample", "stage"), values[:, :done], {"short_name": "similarity"})},
            coords={"sample": data["sample"], "stage": names},
            attrs={
                "caption": _said(values[:, :done], names, len(cascade[done - 1][1]), method_of(data)),
                "stages": done,
            },
        )


def stages_of(model: Model, count: int) -> list[tuple[str, list[str]]]:
    """Return for each stage the name of the lowest layer that is drawn, and all that are: from the last one down.

    Raises
    ------
    AnalysisError
        If no layer has weights.
    """
    weighted = [layer.name for layer in reversed(model.layers) if layer.parameters]
    if not weighted:
        raise AnalysisError("The network has no weights to draw.", "There is nothing to check.")
    depths = np.unique(np.linspace(1, len(weighted), min(count, len(weighted))).round().astype(int))
    return [(weighted[depth - 1], weighted[:depth]) for depth in depths]


def _alike(data: xr.Dataset, context: Context, group: Group, other: Model) -> list[float]:
    pairs = zip(maps_of(data, group), maps_again(context, group, other), strict=True)
    return [similarity(one, two) if np.isfinite(two).all() else np.nan for one, two in pairs]


def _said(values: Float, names: Sequence[str], layers: int, method: str) -> str:
    mean = [float(np.nanmean(column)) if np.isfinite(column).any() else np.nan for column in values.T]
    if np.isnan(mean[-1]):
        return f"{method} · nothing to compare: the map, or that under drawn weights, ranks nothing"
    figures = [f"{names[0]} drawn anew: rank correlation {mean[0]:.2f}"]
    if len(names) > 1:
        figures.append(f"{layers} layers down to {names[-1]}: {mean[-1]:.2f}")
    return " · ".join([method, *figures, *over(len(values)), _verdict(mean[-1])])


def _verdict(last: float) -> str:
    if last < DEPENDS:
        return "the map depends on the weights"
    return (
        "the map hardly depends on the weights" if last > HARDLY else "the map depends in part on the weights"
    )
