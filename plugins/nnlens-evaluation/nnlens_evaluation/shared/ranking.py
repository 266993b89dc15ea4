"""The order of traits: by how far the chosen samples are from random ones, in any trait at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nnlens_evaluation.shared.contrast import Contrast, Double
from nnlens_evaluation.shared.traits import Source

CLEAR = 0.05
"""Share of random selections that go as far in one trait or another, below which a trait is called clear."""
DIGITS = 6
"""Traits that agree in so many digits are the same, such as a layer and its dropout."""
Place = NDArray[np.intp]
Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Table:
    """The clearest traits, the clearest first.

    Attributes
    ----------
    place : ndarray, dims (effect,)
        Of the traits of all sources, one source after the other.
    columns : mapping
        The variables along ``effect``.
    total, clear : int
        Traits that were compared, and those that are clear of random selections.
    matched : bool
        Whether there are random selections of the same classes; not where all samples of these classes are chosen.
    """

    place: Place
    columns: Mapping[str, tuple[str, NDArray[np.generic]]]
    total: int
    clear: int
    matched: bool

    @property
    def words(self) -> str:
        """What the random selections have in common with the chosen one beside their size, for a caption."""
        return " of the same classes" if self.matched else ""


def ranking(sources: Sequence[Source], contrasts: Sequence[Contrast], keep: int) -> Table:
    """Order all traits by how far they are from random selections of the same classes, and keep the first.

    Those that no selection of these classes can differ in, as the classes themselves, come after, by how far they are
    from random selections of all samples. The first by the latter are kept as well.
    """
    usable = np.concatenate([each.usable for each in contrasts])
    columns = _gathered(contrasts)
    far, matched = (np.nan_to_num(np.abs(columns[name]), nan=-1.0) for name in ("any_z", "matched_z"))
    different = _different(columns, usable, np.lexsort((-far, -matched)))
    first = different[matched[different] >= 0][:keep]
    others = different[np.argsort(-far[different], kind="stable")][:keep]
    place = np.union1d(first, others)
    place = place[np.lexsort((-far[place], -matched[place]))]
    is_matched = bool((matched[usable] >= 0).any())
    chance = columns["matched_family_p" if is_matched else "any_family_p"]
    return Table(
        place,
        {
            name: ("effect", values)
            for name, values in {**_named(sources, place), **_at(columns, place)}.items()
        },
        int(usable.sum()),
        int((chance[usable] < CLEAR).sum()),
        is_matched,
    )


def _gathered(contrasts: Sequence[Contrast]) -> Columns:
    """Put the traits of all sources one after the other, with their chance among all of them."""
    columns: Columns = {
        name: np.concatenate([getattr(each, name) for each in contrasts])
        for name in ("shift", "chosen_mean", "rest_mean")
    }
    for word in ("any", "matched"):
        standings = [each.alike if word == "any" else each.matched for each in contrasts]
        for name in ("z", "p", "low", "high"):
            columns[f"{word}_{name}"] = np.concatenate([getattr(each, name) for each in standings])
        most = np.max([each.most for each in standings], axis=0)
        columns[f"{word}_family_p"] = family(columns[f"{word}_z"], most)
    return columns


def _different(columns: Columns, usable: NDArray[np.bool_], order: Place) -> Place:
    """Take of traits that are the same but for their name the first one, in the order given."""
    numbers = np.stack([columns[name] for name in ("shift", "chosen_mean", "rest_mean", "any_low")], axis=1)
    rounded = np.round(numbers, DIGITS)
    _, first = np.unique(rounded, axis=0, return_index=True)
    kept = usable.copy()
    kept[np.setdiff1d(np.arange(len(kept)), first)] = False
    return order[kept[order]]


def _named(sources: Sequence[Source], place: Place) -> Columns:
    traits = [trait for source in sources for trait in source.traits]
    words = ("kind", "layer", "name")
    named: Columns = {name: np.array([getattr(traits[at], name) for at in place], object) for name in words}
    return {**named, "index": np.array([traits[at].index for at in place], np.int64)}


def _at(columns: Columns, place: Place) -> Columns:
    return {name: values[place] for name, values in columns.items()}


def family(z: Double, most: Double) -> Double:
    """Return the share of random selections, this one included, that go as far in any of the traits [1]_.

    Parameters
    ----------
    z : ndarray, dims (trait,)
    most : ndarray, dims (selection,)
        How far each random selection goes.

    References
    ----------
    .. [1] Westfall and Young, Resampling-based multiple testing, 1993.
    """
    beyond = len(most) - np.searchsorted(np.sort(most), np.abs(np.nan_to_num(z)), side="left")
    return np.where(np.isnan(z), 1.0, (1 + beyond) / (1 + len(most)))
