"""The traits of a comparison as the page shows them: names in words, where each stands among random selections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.ui.look.text import plain

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session

Against = Literal["matched", "any"]
"""Random selections with as many samples of each class, or of all samples."""
CLEAR = 0.05
OWN = {"label": "label", "prediction": "prediction", "log loss": "loss"}
"""Columns that every run has, by the kind or name of a trait that is one of them."""


@dataclass(frozen=True)
class Trait:
    """One way in which the selected samples differ from the rest.

    Attributes
    ----------
    place : int
        In the result.
    kind, name, layer : str
    index : int
    shift : float
        Difference of the means in standard deviations of all samples.
    z, low, high, p, family_p : float
        Where that stands among random selections; see the analysis.
    chosen_mean, rest_mean : float
    """

    place: int
    kind: str
    name: str
    layer: str
    index: int
    shift: float
    z: float
    low: float
    high: float
    p: float
    family_p: float
    chosen_mean: float
    rest_mean: float

    @property
    def clear(self) -> bool:
        """Whether few random selections go as far in any trait."""
        return self.family_p < CLEAR

    @property
    def column(self) -> str:
        """What its values are called as a column of the samples."""
        if self.kind in OWN or self.name in OWN:
            return OWN.get(self.kind) or OWN[self.name]
        return re.sub(r"\W+", "_", plain(self.name, 60)).strip("_").lower() or f"trait_{self.place}"


def traits_of(result: xr.Dataset, against: Against) -> list[Trait]:
    """Return the traits of a result, the farthest from random selections of one kind first."""
    columns: dict[str, list[Any]] = {name: _column(result, name, "") for name in ("kind", "name", "layer")}
    columns |= {name: _column(result, name, np.nan) for name in ("shift", "chosen_mean", "rest_mean")}
    columns |= {
        name: _column(result, f"{against}_{name}", np.nan) for name in ("z", "low", "high", "p", "family_p")
    }
    columns["index"] = _column(result, "index", -1)
    found = [
        Trait(place=place, **{name: values[place] for name, values in columns.items()})
        for place in range(result.sizes["effect"])
    ]
    known = [trait for trait in found if trait.z == trait.z]
    return sorted(known, key=lambda trait: -abs(trait.z))


def _column(result: xr.Dataset, name: str, missing: Any) -> list[Any]:
    """Return a variable as plain values; where the result lacks it, what stands for that."""
    return result[name].values.tolist() if name in result else [missing] * result.sizes["effect"]


def words(session: Session, trait: Trait) -> str:
    """Say what a trait is, with the name of its class where it is one."""
    if trait.kind in ("label", "prediction"):
        return f"{trait.kind} {session.data.class_name(trait.index)}"
    return trait.name


def standing_words(trait: Trait, draws: int) -> tuple[str, str]:
    """Say where a trait stands among random selections: in a word or two, and whole."""
    as_far = max(0, round(trait.p * (draws + 1)) - 1)
    short = f"beyond all {draws:,}" if not as_far else f"{as_far:,} of {draws:,} as far"
    return short, f"{short}; {100 * trait.family_p:.2g} % go as far in one trait or another"


def take_column(session: Session, result: xr.Dataset, trait: Trait) -> str:
    """Make the values of a trait a column of the run, and return its name."""
    name = trait.column
    data = session.data
    if name in OWN.values() or trait.kind in OWN:
        return name
    values = np.full(len(data), np.nan, np.float32)
    positions = data.positions(result["sample"].values)
    there = positions >= 0
    values[positions[there]] = result["value"].values[there, trait.place]
    while name in data.extras and not np.array_equal(data.extras[name], values, equal_nan=True):
        name += "_"  # two names that differ in their signs only
    if name not in data.extras:
        data.extras[name] = values
        session.columns += 1
    return name


def extreme(values: NDArray[Any], trait: Trait, count: int) -> tuple[float, float]:
    """Return the range of values that holds the `count` samples farthest to the side that the selected lean to."""
    finite = np.sort(values[np.isfinite(values)])
    count = min(max(count, 1), len(finite))
    if trait.shift >= 0:
        return float(finite[-count]), float(finite[-1])
    return float(finite[0]), float(finite[count - 1])
