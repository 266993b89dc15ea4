"""A folder that the Embedding Projector opens: vectors, labels and a sheet of thumbnails.

The rules are the page's own, read in its source; see `nnlens.export.metadata` and `nnlens.export.sprite` for those of
the labels and of the sheet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import ExportError
from nnlens.export.columns import Columns, chosen, own_columns
from nnlens.export.folder import check_free, whole_folder
from nnlens.export.metadata import MOST_COLORS, few, tsv
from nnlens.export.readme import readme
from nnlens.export.sprite import LARGEST, SMALLEST, encoded, grid, sheet, thumbnail_size
from nnlens.export.vectors import Components, FiniteRows, Tick
from nnlens.export.words import class_words, one_line
from nnlens.lens import Lens
from nnlens.schema import INPUT, LOGITS

CONFIG, TENSOR, METADATA, SPRITE, README = (
    "config.json",
    "vectors.bytes",
    "metadata.tsv",
    "sprite.png",
    "README.md",
)
COMPONENTS = 128
THUMBNAIL = 64
LAYER_WORDS = {INPUT: "input pixels", LOGITS: "logits"}


@dataclass
class Exported:
    """What stands in a folder that was written.

    Attributes
    ----------
    folder : Path
    title : str
        What the rows are, such as ``fc1 · 84 units``.
    samples, units : int
        Shape of the rows.
    left_out : int
        Samples whose values are not finite.
    thumbnail : tuple of int or None
        Height and width in the sheet; None where the run has no pictures, or none were wanted.
    notes : list of str
        What was changed on the way, a sentence each.
    bytes : int
        Of all files.
    """

    folder: Path
    title: str
    samples: int
    units: int
    left_out: int
    thumbnail: tuple[int, int] | None = None
    notes: list[str] = field(default_factory=list)
    bytes: int = 0


def export_projector(
    lens: Lens,
    folder: str | Path,
    *,
    layer: str | None = None,
    pca: int = COMPONENTS,
    limit: int | None = None,
    seed: int = 0,
    sample: Sequence[int] | None = None,
    where: str | None = None,
    coordinates: xr.Dataset | None = None,
    thumbnail: int = THUMBNAIL,
    progress: Tick | None = None,
) -> Exported:
    """Write a folder for the Embedding Projector; it is there whole or not at all.

    Parameters
    ----------
    lens : Lens
    folder : str or Path
        Not there yet, or empty.
    layer : str, optional
        Whose vectors are written; the hidden vector when left out.
    pca : int
        Principal components that are kept of longer vectors; 0 keeps them as they are.
    limit, seed : int
        So many samples, drawn at random; all when left out.
    sample, where : sequence of int, str
        Only these ids; only those that a filter finds.
    coordinates : Dataset, optional
        A result with ``projection``: its coordinates are written in place of the vectors, with zeros as the third
        column where it has two.
    thumbnail : int
        Largest side of a picture in the sheet, in pixels; smaller where the sheet would be too large; 0 for no sheet.
    progress : callable, optional
        Gets (done, total, message).

    Returns
    -------
    Exported

    Raises
    ------
    ExportError
        If the folder is not empty or cannot be written to, or less than two samples are left.
    AnalysisError
        If there is no such layer or sample.
    FilterError
        If the filter cannot be read.
    """
    tick = progress or (lambda *_: None)
    check_free(Path(folder))
    columns = own_columns(lens)
    ids = lens.store.ids[_drawn(chosen(lens, where, sample, columns), limit, seed)]
    vectors, title = (
        _coordinates(coordinates, ids) if coordinates is not None else _vectors(lens, layer, ids, tick)
    )
    rows = FiniteRows(vectors, tick)
    kept = vectors["sample"].values[rows.finite]
    if len(kept) < 2:
        raise ExportError(
            f"{len(kept)} samples are left, and the projector needs two.", "Choose more of them."
        )
    made = Exported(Path(folder), title, len(kept), rows.units, len(ids) - len(kept))
    blocks = _blocks(rows, 0 if coordinates is not None else pca, made)
    with whole_folder(Path(folder)) as fresh:
        made.units = _write_tensor(fresh / TENSOR, blocks, 3 if coordinates is not None else 2)
        (fresh / METADATA).write_bytes(_metadata(lens, columns, kept, made))
        _write_sprite(lens, kept, thumbnail, fresh, made, tick)
        (fresh / CONFIG).write_text(json.dumps(_config(lens, made), indent=2) + "\n", encoding="utf-8")
        (fresh / README).write_text(readme(lens.store.name, made), encoding="utf-8")
        made.bytes = sum(file.stat().st_size for file in fresh.iterdir())
    return made


def _drawn(positions: NDArray[np.intp], limit: int | None, seed: int) -> NDArray[np.intp]:
    if limit is None or limit >= len(positions):
        return positions
    return np.sort(np.random.default_rng(seed).choice(positions, limit, replace=False))


def _vectors(lens: Lens, layer: str | None, ids: NDArray[np.int64], tick: Tick) -> tuple[xr.DataArray, str]:
    vectors = lens.embedding(layer, sample=ids, progress=tick)
    name = LAYER_WORDS.get(vectors.attrs["layer"], vectors.attrs["layer"])
    return vectors, ", ".join(filter(None, [one_line(name, 60), vectors.attrs["title"]]))


def _coordinates(result: xr.Dataset, ids: NDArray[np.int64]) -> tuple[xr.DataArray, str]:
    """Take the coordinates of the samples that a map has."""
    if "projection" not in result or result["projection"].dims != ("sample", "component"):
        raise ExportError(
            "This result has no coordinates of samples.", "Name one that draws a map, such as pca."
        )
    there = np.isin(result["sample"].values, ids)
    picked = result["projection"].isel(sample=np.flatnonzero(there)).rename(component="unit")
    title = one_line(result.attrs.get("title") or "coordinates", 60)
    return picked, f"{title}, coordinates of the map"


def _blocks(rows: FiniteRows, pca: int, made: Exported) -> Iterator[NDArray[np.float32]]:
    if not pca or rows.units <= pca:
        made.title += f" · {rows.units:,} units"
        return rows.blocks("writing")
    components = Components(rows, pca)
    found = len(components.axes)
    made.title += f" · PCA {found} of {rows.units:,} units"
    made.notes.append(
        f"Of {rows.units:,} units the first {found} principal components are kept,"
        f" {components.kept:.1%} of the variance."
    )
    return components.blocks("writing")


def _write_tensor(path: Path, blocks: Iterator[NDArray[np.float32]], least: int) -> int:
    """Write rows as little-endian float32, with columns of zeros up to `least`; return how many columns there are."""
    units = 0
    with path.open("wb") as file:
        for block in blocks:
            missing = max(least - block.shape[1], 0)
            whole = np.pad(block, ((0, 0), (0, missing))).astype("<f4")
            units = whole.shape[1]
            file.write(whole.tobytes())
    return units


def _metadata(lens: Lens, columns: Columns, ids: NDArray[np.int64], made: Exported) -> bytes:
    """Write what is known of the samples; the label comes first, for it is what the page shows beside a point."""
    at = lens.store.positions(ids)
    names, known = lens.store.class_names, {name: values[at] for name, values in columns.items()}
    written: dict[str, Any] = {}
    for name in ("label", "prediction"):
        if name in known and not (name == "label" and (known[name] < 0).all()):
            written[name] = class_words(known[name], names)
    for name in [*written]:
        if (short := few(written[name])) is not None:
            written[f"{name} (top {MOST_COLORS - 1})"] = short
            made.notes.append(
                f"{name} has more than {MOST_COLORS} values, and the page colors by no such column: color by"
                f" {name} (top {MOST_COLORS - 1})."
            )
    if "correct" in known and "label" in written:
        written["outcome"] = np.where(
            known["label"] < 0, "unlabelled", np.where(known["correct"], "right", "wrong")
        )
    written |= {name: known[name] for name in ("split", "path", "loss", "confidence") if name in known}
    return tsv(written | {"id": known["id"]})


def _write_sprite(
    lens: Lens, ids: NDArray[np.int64], largest: int, folder: Path, made: Exported, tick: Tick
) -> None:
    if not largest or "image" not in lens.store.samples:
        made.notes += [] if largest else ["No pictures were wanted."]
        return
    sizes = lens.store.samples["image"].sizes
    size = thumbnail_size(len(ids), sizes["y"], sizes["x"], largest)
    if LARGEST // grid(len(ids)) < min(SMALLEST, max(sizes["y"], sizes["x"])):
        made.notes.append(
            f"{len(ids):,} pictures do not fit a sheet of {LARGEST:,} pixels a side, so there is"
            " none: --limit takes fewer."
        )
        return
    if size != (sizes["y"], sizes["x"]):
        made.notes.append(
            f"Pictures of {sizes['x']}×{sizes['y']} pixels are shrunk to {size[1]}×{size[0]}: the page takes a sheet of"
            f" at most {LARGEST:,} pixels a side, and --thumbnail says how large they may be."
        )
    if size[0] != size[1]:
        made.notes.append("The page draws every picture as a square; these are not, and look stretched.")
    pixels = sheet(ids, lens.store.images, size, lambda done, total: tick(done, total, "drawing pictures"))
    tick(len(ids), len(ids), "writing pictures")
    (folder / SPRITE).write_bytes(encoded(pixels))
    made.thumbnail = size


def _config(lens: Lens, made: Exported) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "tensorName": unmarked(f"{lens.store.name}: {made.title}"),
        "tensorShape": [made.samples, made.units],
        "tensorPath": TENSOR,
        "metadataPath": METADATA,
    }
    if made.thumbnail:
        height, width = made.thumbnail
        entry["sprite"] = {"imagePath": SPRITE, "singleImageDim": [width, height]}
    return {"embeddings": [entry], "modelCheckpointPath": unmarked(f"nnlens run {lens.store.name}")}


def unmarked(text: str) -> str:
    """Take out what a browser reads as markup: the page puts this text into itself as it is."""
    return one_line("".join(sign for sign in text if sign not in "<>&\"'"), 120)
