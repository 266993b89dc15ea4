"""What chosen samples share: every way in which they differ from the rest, ranked against random selections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context
from nnlens_evaluation.shared.contrast import Double, add_up, compare
from nnlens_evaluation.shared.draws import Draws
from nnlens_evaluation.shared.ranking import ranking
from nnlens_evaluation.shared.traits import Source, sources_of

PICTURES = 4096


class InCommon(Analysis):
    """Find what the chosen samples share and the others do not.

    Answers "what do these share?": the mean image, the mix of classes, and every trait (brightness of parts of the
    image, its statistics, class, loss, pooled channels of all layers) by the difference of the means in standard
    deviations of all samples. Each is placed among random selections of the same size, taken from all samples and
    taken class by class, so that "they are all nines" does not hide the rest. Misleads about causes: it names what goes
    along with the choice, and a choice made by a channel is set apart by that channel.
    """

    title = "In common"
    wants = {
        "image": ("sample", "y", "x", "channel"),
        "prediction": ("sample",),
        "loss": ("sample",),
        "logit": ("sample", "class_"),
        "pooled_layers": ("sample", "unit"),
    }
    requires = {"label": ("sample",)}
    provides = {
        **dict.fromkeys(("kind", "layer", "name", "index", "shift", "chosen_mean", "rest_mean"), ("effect",)),
        **dict.fromkeys(("any_z", "any_p", "any_low", "any_high", "any_family_p"), ("effect",)),
        **dict.fromkeys(
            ("matched_z", "matched_p", "matched_low", "matched_high", "matched_family_p"), ("effect",)
        ),
        "value": ("sample", "effect"),
        **dict.fromkeys(("chosen_image", "rest_image"), ("y", "x", "channel")),
        **dict.fromkeys(("chosen_label", "rest_label", "chosen_prediction", "rest_prediction"), ("class_",)),
    }
    against_rest = True

    draws = param.Integer(
        500,
        bounds=(20, 10_000),
        label="Random selections",
        doc="Random selections of each kind to compare with.",
    )
    grid = param.Integer(
        7, bounds=(1, 32), precedence=10, doc="Regions on a side of the image, whose brightness is compared."
    )
    effects = param.Integer(
        24,
        bounds=(1, 500),
        precedence=10,
        doc="Traits to keep, of the clearest by each of the two comparisons.",
    )

    def estimate(self, sizes: Mapping[str, int]) -> float:
        """Estimate the seconds: drawing, and a product of the selections with all traits."""
        samples = sizes.get("sample", 0)
        traits = sizes.get("unit", 0) + self.grid**2 + 2 * sizes.get("class_", 0) + 10
        return 0.3 + samples * self.draws * (2e-8 + traits * 1.2e-10)

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Compare in one pass over all traits, then read the clearest ones once more."""
        ids = data["sample"].to_numpy()
        chosen = np.isin(ids, np.asarray(context.request.sample, np.int64))
        label = data["label"].to_numpy().astype(np.int64)
        context.progress(0, 1, "drawing random selections")
        draws = Draws(chosen, label, self.draws, context.rng)
        sources = sources_of(data, self.grid)
        tick = Progress(context, sources)
        contrasts = [compare(add_up(source, draws, label, tick.step(source)), draws) for source in sources]
        table = ranking(sources, contrasts, self.effects)
        values = values_of(sources, table.place, len(ids), tick)
        return xr.Dataset(
            {**table.columns, "value": (("sample", "effect"), values), **mean_images(data, chosen),
             **class_counts(data, chosen)},
            coords={"sample": ids},
            attrs={
                "caption": f"{chosen.sum():,} against {(~chosen).sum():,} others · {table.total:,} traits · "
                f"{table.clear:,} clear of {self.draws:,} random selections{table.words} · "
                f"seed {context.request.seed}",
                "chosen": int(chosen.sum()),
                "others": int((~chosen).sum()),
                "traits": table.total,
                "clear": table.clear,
                "matched": table.matched,
                "draws": self.draws,
                "grid": grid_sides(data, self.grid),
                "pictured": "image" in data,
            },
        )  # fmt: skip


class Progress:
    """Turns the samples read of each source into the share of the whole work.

    Parameters
    ----------
    context : Context
    sources : sequence of Source
    """

    def __init__(self, context: Context, sources: Sequence[Source]) -> None:
        self._context, self._done = context, 0
        self._total = 2 * sum(source.rows * len(source.traits) for source in sources)

    def step(self, source: Source) -> Step:
        """Return what is told of the samples read of one source."""
        return Step(self, source)

    def add(self, work: int, words: str) -> None:
        """Note so much more of the work."""
        self._done = min(self._done + work, self._total)
        self._context.progress(self._done, self._total, words)


@dataclass(frozen=True)
class Step:
    """Notes the samples read of one source."""

    progress: Progress
    source: Source

    def __call__(self, samples: int) -> None:
        """Note that so many more samples were read."""
        self.progress.add(samples * len(self.source.traits), self.source.words)


def values_of(
    sources: Sequence[Source], place: NDArray[np.intp], rows: int, tick: Progress
) -> NDArray[np.float32]:
    """Read some traits of all samples, dims (sample, effect)."""
    values = np.empty((rows, len(place)), np.float32)
    begin = 0
    for source in sources:
        mine = np.flatnonzero((place >= begin) & (place < begin + len(source.traits)))
        step = tick.step(source)
        for start, stop in source.blocks() if len(mine) else ():
            values[start:stop, mine] = source.read(start, stop)[:, place[mine] - begin]
            step(stop - start)
        begin += len(source.traits)
    return values


def mean_images(data: xr.Dataset, chosen: NDArray[np.bool_]) -> dict[str, tuple[tuple[str, ...], Double]]:
    """Return the mean image of the chosen and of the others, from 0 to 1; one NaN where there are no images."""
    dims = ("y", "x", "channel")
    if "image" not in data:
        return {name: (dims, np.full((1, 1, 1), np.nan)) for name in ("chosen_image", "rest_image")}
    image = data["image"]
    sums = np.zeros((2, *image.shape[1:]))
    for start in range(0, len(chosen), PICTURES):
        part, inside = image[start : start + PICTURES].to_numpy(), chosen[start : start + PICTURES]
        sums += part[inside].sum(axis=0, dtype=np.float64), part[~inside].sum(axis=0, dtype=np.float64)
    means = sums / np.array([chosen.sum(), (~chosen).sum()]).reshape(2, 1, 1, 1) / 255
    return {"chosen_image": (dims, means[0]), "rest_image": (dims, means[1])}


def class_counts(data: xr.Dataset, chosen: NDArray[np.bool_]) -> dict[str, tuple[str, NDArray[np.int64]]]:
    """Count the classes of the chosen and of the others, by label and by prediction; nothing where there is none."""
    codes = {name: data[name].to_numpy() for name in ("label", "prediction") if name in data}
    classes = max(1, data.sizes.get("class_", 0), *(int(each.max(initial=0)) + 1 for each in codes.values()))
    counts = {}
    for name in ("label", "prediction"):
        code = codes.get(name, np.full(len(chosen), -1))
        for who, mask in (("chosen", chosen), ("rest", ~chosen)):
            kept = code[mask & (code >= 0)].astype(np.int64)
            counts[f"{who}_{name}"] = ("class_", np.bincount(kept, minlength=classes))
    return counts


def grid_sides(data: xr.Dataset, grid: int) -> list[int]:
    """Return how many rows and columns of regions there are."""
    return [min(grid, data["image"].sizes[side]) if "image" in data else 0 for side in ("y", "x")]
