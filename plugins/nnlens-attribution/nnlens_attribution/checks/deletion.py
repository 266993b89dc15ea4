"""Whether the pixels that a map ranks highest are those that the network needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import JobCancelledError
from nnlens.models.base import Float, Model
from nnlens_attribution.batches import batch_size
from nnlens_attribution.checks.checking import Check, groups, method_of, over
from nnlens_attribution.checks.curves import area, curve, ranking, shares
from nnlens_attribution.masking import FILL_DOC, FILLS, Score, filling
from nnlens_attribution.scoring import score_of
from nnlens_attribution.targets import network

CURVES = ("deletion", "insertion", "deletion_random", "insertion_random")


class DeletionInsertion(Check):
    """Take away the pixels that a map ranks highest, or bring them back first, and watch the target's probability.

    Answers "are these the pixels that the network needs?"; misleads because an image with pixels taken away is one that
    the network never saw, so compare with the curves of a random order. A good map has a small area under `deletion`
    and a large one under `insertion`. Channels of a map are added up; equal pixels come in random order. Of a unit its
    activation is watched.

    References
    ----------
    .. [1] Petsiuk et al., RISE, 2018, arXiv 1806.07421.
    """

    title = "Deletion and insertion"
    provides = {
        **dict.fromkeys(CURVES, ("sample", "step")),
        **{f"{name}_area": ("sample",) for name in CURVES},
    }

    steps = param.Integer(32, bounds=(1, 10_000), doc="Steps from the first pixel to the last.")
    deletion_fill = param.Selector(default="mean", objects=list(FILLS), precedence=10, doc=FILL_DOC)
    insertion_fill = param.Selector(
        default="blurred", objects=list(FILLS), precedence=10, doc=f"From what insertion starts. {FILL_DOC}"
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds for a small network."""
        return 0.05 + 4 * self.steps * sizes.get("sample", 1) * 0.002

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Follow four curves for each sample; a stop keeps the samples that are done."""
        model, seed = network(context), int(context.rng.integers(2**31))
        counts, share = shares(self.steps, data.sizes["y"] * data.sizes["x"])
        todo = [(int(place), group.target) for group in groups(data, context) for place in group.positions]
        curves: dict[int, Float] = {}
        for done, (place, target) in enumerate(todo, 1):
            if context.cancelled:
                raise JobCancelledError("Cancelled while changing pixels.")
            score, sample = score_of(model, target, "probability"), data.isel(sample=place)
            # by the sample, so that those beside it make no difference
            rng = np.random.default_rng((seed, abs(int(sample["sample"]))))
            curves[place] = self._curves(sample, model, score, counts, rng)
            context.progress(done, len(todo), "changing pixels")
            if context.stopping:
                break
        places = sorted(curves)
        ids = data["sample"].to_numpy()[places]
        values = np.stack([curves[each] for each in places], axis=1)
        return self._result(ids, values, share, method_of(data))

    def _curves(
        self,
        sample: xr.Dataset,
        model: Model,
        score: Score,
        counts: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Float:
        """Return the four curves (curve, step) of one sample."""
        image = sample["input"].to_numpy()
        gone, start = (
            np.broadcast_to(filling(kind, image[None], model)[0], image.shape)
            for kind in (self.deletion_fill, self.insertion_fill)
        )
        ranked = ranking(sample["attribution"].to_numpy(), rng)
        chance = rng.permutation(ranked.size)
        ways = [(image, gone, ranked), (start, image, ranked), (image, gone, chance), (start, image, chance)]
        return np.stack([curve(*way, counts, score, batch_size(model, held=1)) for way in ways])

    def _result(
        self, ids: NDArray[np.int64], curves: Float, share: NDArray[np.float64], method: str
    ) -> xr.Dataset:
        areas = [area(each, share) for each in curves]
        values = {name: (("sample", "step"), each) for name, each in zip(CURVES, curves, strict=True)}
        figures = {
            f"{name}_area": ("sample", each, {"short_name": f"{name.replace('_', ' ')} area"})
            for name, each in zip(CURVES, areas, strict=True)
        }
        caption = " · ".join(
            [method, *self._said(*(float(np.nanmean(each)) for each in areas)), *over(len(ids))]
        )
        return xr.Dataset(values | figures, coords={"sample": ids, "step": share}, attrs={"caption": caption})

    def _said(
        self, deletion: float, insertion: float, by_chance: float, back_by_chance: float
    ) -> Iterator[str]:
        yield f"deletion to {self.deletion_fill}: area {deletion:.2f}, in random order {by_chance:.2f}"
        yield f"insertion from {self.insertion_fill}: area {insertion:.2f}, in random order {back_by_chance:.2f}"
        better = (deletion < by_chance) + (insertion > back_by_chance)
        yield (
            "no better than a random order",
            "better than a random order in one of the two",
            "better than a random order",
        )[better]
