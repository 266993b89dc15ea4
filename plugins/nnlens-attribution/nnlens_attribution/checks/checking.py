"""What all checks share: the method that is checked, and its maps once more for the same outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import param
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis, Context, Need
from nnlens.errors import AnalysisError, JobCancelledError
from nnlens.models.base import Float, Model
from nnlens.schema import UNLABELLED
from nnlens_attribution.batches import pieces
from nnlens_attribution.targets import network

GROUP = 64
"""Samples whose maps are held at once, beside those that are checked."""
ATTRIBUTION = {"attribution": ("sample", "y", "x")}
INPUT = {"input": ("sample", "channel", "y", "x")}


class Check(Analysis):
    """The base of what checks the maps of another analysis, whichever it is."""

    scope = "sample"
    requires = ATTRIBUTION | INPUT
    needs_model = True

    method = param.String("saliency", doc="The analysis whose maps are checked, by its name.")
    settings = param.String(
        "", precedence=10, doc="Parameters of that analysis, such as 'join=sum'; its defaults otherwise."
    )

    def needs(self) -> Mapping[str, Need]:
        """Take the maps of the method that is named."""
        return {"attribution": Need(settings_of(self.settings), self.method)}


@dataclass(frozen=True)
class Group:
    """Samples of which the same output is explained.

    Attributes
    ----------
    positions : ndarray of int
        In the dataset.
    ids : ndarray of int64
    target : int or str
        A class also where predictions are explained: another network predicts another one. Else a unit.
    """

    positions: NDArray[np.intp]
    ids: NDArray[np.int64]
    target: int | str


def settings_of(text: str) -> dict[str, str]:
    """Read parameters from text such as ``"join=sum, samples=20"``.

    Raises
    ------
    AnalysisError
        If a part has no equals sign.
    """
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    wrong = [name for name, equals, _ in parts if not equals]
    if wrong:
        raise AnalysisError(f"settings cannot be read at {wrong[0]!r}.", "Write name=value, name=value.")
    return {name.strip(): value.strip() for name, _, value in parts}


def groups(data: xr.Dataset, context: Context) -> list[Group]:
    """Cut samples into groups of which the same output is explained."""
    ids, target = data["sample"].to_numpy(), context.request.target
    if target is None or target == "label":
        classes = data["label"].to_numpy() if target else _predicted(data["input"], network(context))
        known = np.unique(classes[classes != UNLABELLED])
        parts = [(int(each), np.flatnonzero(classes == each)) for each in known]
    else:
        parts = [(target, np.arange(len(ids)))]
    return [
        Group(positions[part], ids[positions[part]], chosen)
        for chosen, positions in parts
        for part in pieces(len(positions), GROUP)
    ]


def _predicted(inputs: xr.DataArray, model: Model) -> NDArray[np.int64]:
    parts = [model.predict(inputs[part].to_numpy()).argmax(axis=1) for part in pieces(len(inputs), GROUP)]
    return np.concatenate(parts).astype(np.int64)


def maps_of(data: xr.Dataset, group: Group) -> Float:
    """Return the maps that are checked, dims (sample, y, x) or (sample, channel, y, x)."""
    return data["attribution"][group.positions].to_numpy()


def maps_again(context: Context, group: Group, model: Model) -> Float:
    """Return the maps of the same samples and outputs on another network; NaN for a sample that has none there.

    Raises
    ------
    JobCancelledError
        If nobody wants them any more.
    """
    if context.cancelled:
        raise JobCancelledError("Cancelled while checking explanations.")
    found = context.recompute("attribution", group.ids, model, group.target)["attribution"]
    return found.reindex(sample=group.ids).to_numpy()


def method_of(data: xr.Dataset) -> str:
    """Return what the checked maps are, such as "Grad-CAM of conv5"."""
    return str(data["attribution"].attrs.get("title") or "attribution")


def over(samples: int) -> Iterator[str]:
    """Yield what a caption says where figures are means over several samples."""
    if samples > 1:
        yield f"means of {samples:,} samples"
