"""Maps that no analysis here makes: coordinates from a file, or what a plugin that is gone has left."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
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
UNPACKED = 256 << 20
"""Bytes that such a file may unpack to: ten million rows."""
PARTS = re.compile(r"[/\\\x00-\x1f]|^[A-Za-z]:|^\.+$")
"""What the name of a member has that leads elsewhere."""


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
        If it is too large or would be once it is unpacked, is of no kind that is read, or does not fit the run.
    """
    if len(content) > LARGEST:
        raise SamplesError(
            f"The file has {len(content) / 1e6:,.1f} MB.",
            f"Give one of at most {LARGEST / 1e6:.0f} MB, or use nnlens coordinates RUN FILE.",
        )
    stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
    if ending.lower() not in ENDINGS:
        raise SamplesError(
            f"{plain(name, 40)} is no file of coordinates.", f"Give one of {', '.join(ENDINGS)}."
        )
    _check_members(content, plain(name, 40))
    with tempfile.TemporaryDirectory() as folder:
        path = (
            Path(folder) / f"{plain(stem, 60)}{ending}"
        )  # messages and the caption tell it; it leads nowhere
        path.write_bytes(content)
        return str(lens.add_coordinates(path, plain(stem, 60)).attrs["key"])


def _check_members(content: bytes, name: str) -> None:
    """Refuse a zip that would unpack to more than it should, or whose members have names that lead elsewhere."""
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise SamplesError(
            f"{name} cannot be read: it is damaged or no .npz file.", "Save it again with np.savez."
        ) from error
    if any(PARTS.search(info.orig_filename) for info in members):
        raise SamplesError(
            f"{name} holds a file whose name leads elsewhere.", "Do not open it unless you made it."
        )
    size = sum(info.file_size for info in members)
    if size > UNPACKED:
        raise SamplesError(
            f"{name} claims to unpack to {size / 1e6:,.0f} MB where {UNPACKED / 1e6:.0f} MB are the most.",
            "Save two or three numbers a sample alone, or use nnlens coordinates RUN FILE.",
        )
