"""Coordinates from elsewhere, kept beside the run as a result like any other."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from nnlens.coordinates import join, read_coordinates
from nnlens.lens.keys import digest, ids_digest

if TYPE_CHECKING:
    from nnlens.store import Store

COORDINATES = "nnlens:coordinates"
"""What stands where other results name their analysis."""
LONGEST = 80


def add_coordinates(store: Store, source: Any, name: str = "", ids: Any = None) -> xr.Dataset:
    """Read, check and keep coordinates; see `Lens.add_coordinates`."""
    found = read_coordinates(source, ids, most=len(store.ids))
    result = join(found, store.ids)
    title = " ".join((name or found.name.rpartition(".")[0] or found.name).split())[:LONGEST]
    left_out = int(result["projection"].attrs["left_out"])
    key = digest(
        {
            "store": store.fingerprint,
            "rows": store.committed,
            "analysis": COORDINATES,
            "title": title,
            "sample": ids_digest(tuple(result["sample"].values.tolist())),
            "content": hashlib.sha256(
                np.ascontiguousarray(result["projection"].values).tobytes()
            ).hexdigest(),
        }
    )
    kept = result.assign_attrs(
        analysis=COORDINATES,
        distribution="nnlens",
        version=importlib.metadata.version("nnlens"),
        title=title,
        caption=f"{found.name[:LONGEST]} · {len(result['sample']):,} samples · {left_out:,} left out",
        layer="",
        parameters=json.dumps({}),
        seed="none",
        key=key,
        seconds=0.0,
        left_out=left_out,
    )
    store.results.put(COORDINATES, key, kept)
    return kept
