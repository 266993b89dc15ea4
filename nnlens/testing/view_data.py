"""Results made up for views, and the two themes they are drawn in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from nnlens.schema import Dims

LENGTHS = {
    "sample": 20,
    "component": 2,
    "channel": 4,
    "y": 8,
    "x": 8,
    "unit": 6,
    "class_": 3,
    "label_": 3,
    "rank": 5,
}
IDS = frozenset({"neighbor", "order"})
"""Variables that hold ids of samples."""
CLASSES = frozenset({"label", "prediction"})
_NAMES = (
    "app surface raised fill line line2 edge ink ink2 ink3 bar accent accent_soft accent_line "
    "error error_soft warn warn_soft ok"
)


def result_for(shows: Mapping[str, Dims]) -> xr.Dataset:
    """Make a result with the variables that a view shows, each with the dims it wants."""
    rng = np.random.default_rng(0)
    dims = {dim for wanted in shows.values() for dim in wanted}
    variables = {name: (wanted, _values(name, wanted, rng)) for name, wanted in shows.items()}
    coords = {"sample": np.arange(LENGTHS["sample"], dtype=np.int64)} if "sample" in dims else {}
    attrs = {"title": "A result", "caption": "20 samples · 0 left out", "key": "0" * 64, "layer": "fc1"}
    return xr.Dataset(variables, coords, attrs)


def _values(name: str, dims: Dims, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(LENGTHS.get(dim, 3) for dim in dims)
    if name in IDS:
        return rng.integers(0, LENGTHS["sample"], shape)
    if name in CLASSES:
        return rng.integers(0, LENGTHS["class_"], shape)
    return rng.normal(size=shape).astype(np.float32)


def theme(name: str) -> dict[str, str]:
    """Return colors under the names that a theme has; their values are only light or dark."""
    paper, ink = ("#FFFFFF", "#14181F") if name == "light" else ("#12161C", "#E9EDF2")
    grounds = ("app", "surface", "raised", "fill")
    return {token: paper if token in grounds or token.endswith("_soft") else ink for token in _NAMES.split()}
