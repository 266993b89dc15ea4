"""Maps that no analysis here makes: coordinates from a file, or what a plugin that is gone has left."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from nnlens.errors import SamplesError
from nnlens.lens.requesting import is_key
from nnlens.ui.core.catalog import PROJECTION, Catalog
from nnlens.ui.look.text import plain

if TYPE_CHECKING:
    from nnlens.lens import Lens

ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".parquet")
LARGEST = 8 << 20
"""Bytes of a file that comes by the page: with the third that base64 adds it stays below what a connection takes."""


def stored_map(lens: Lens, key: str) -> xr.Dataset | None:
    """Return a result by its key, if it is a projection."""
    result = lens.result(key) if is_key(key) else None
    there = result is not None and all(
        name in result and result[name].dims == dims for name, dims in PROJECTION.items()
    )
    return result if there else None


def stored_maps(lens: Lens, catalog: Catalog) -> list[tuple[str, str]]:
    """List them, oldest first: what each is called, and its key."""
    strange = [info for info in lens.results() if catalog.tool(info.analysis) is None]
    return [
        (plain(info.attrs.get("title") or info.analysis, 40), info.key)
        for info in strange
        if stored_map(lens, info.key) is not None
    ]


def take_file(lens: Lens, name: str, content: bytes) -> str:
    """Keep the coordinates in a file that came by the page, and return the key of the map.

    Raises
    ------
    SamplesError
        If it is too large, of no kind that is read, or does not fit the run.
    """
    if len(content) > LARGEST:
        raise SamplesError(
            f"The file has {len(content) / 1e6:,.1f} MB.",
            f"Give one of at most {LARGEST / 1e6:.0f} MB, or use nnlens coordinates RUN FILE.",
        )
    stem, ending = Path(name).stem, Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise SamplesError(
            f"{plain(name, 40)} is no file of coordinates.", f"Give one of {', '.join(ENDINGS)}."
        )
    with tempfile.TemporaryDirectory() as folder:  # its name is ours: a stranger's may lead elsewhere
        path = Path(folder) / f"coordinates{ending}"
        path.write_bytes(content)
        return str(lens.add_coordinates(path, plain(stem, 60)).attrs["key"])
