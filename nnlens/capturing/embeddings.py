"""`capture_embeddings`: vectors that were made elsewhere become a run of one layer, without a model."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from nnlens.capturing.caution import BrokenFilesWarning
from nnlens.capturing.embedded import open_table
from nnlens.capturing.embedded.gathering import Gathered, gather
from nnlens.capturing.loop import REPORT_SECONDS, CaptureProgress, Progress
from nnlens.capturing.plan import FLOAT_BYTES
from nnlens.capturing.run import check_space, existing_run, fill
from nnlens.capturing.writing import Batch, OverlappedWriter
from nnlens.errors import CaptureError
from nnlens.models.base import LayerInfo
from nnlens.schema import SCHEMA_VERSION, UNLABELLED
from nnlens.store.commit import Commit
from nnlens.store.layout import (
    STRING,
    ArrayLayout,
    StoredLayer,
    array_layout,
    info_attributes,
    layer_attributes,
    layer_path,
    shard_rows,
)
from nnlens.store.opening import open_store
from nnlens.store.reader import Store
from nnlens.store.writer import StoreWriter

if TYPE_CHECKING:
    from nnlens.samples.base import Samples

LAYER = "embedding"
"""The name of the one layer."""
ROOM = "Free some space, or write to another disk."


class InvalidEmbeddingsWarning(UserWarning):
    """Some embeddings are not finite."""


def capture_embeddings(
    source: ArrayLike | str | os.PathLike[str],
    path: str | Path,
    *,
    labels: ArrayLike | str | None = None,
    images: Samples | ArrayLike | str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | None = None,
    ids: ArrayLike | str | None = None,
    array: str | None = None,
    split: str = "train",
    name: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Store:
    """Make a run of embeddings that come from elsewhere, without a model.

    The run has one layer, ``embedding``, and neither predictions nor losses; analyses that need those, or the model,
    say so. What is not given is taken from columns of the source whose names say so, then from the data set that the
    images are of.

    Parameters
    ----------
    source : array, dims (sample, unit), str or path
        Numbers of any type, kept as float32; a .npy, .npz or .parquet file; or a folder of the Embedding Projector.
    path : str or Path
        Folder of the new run.
    labels : array, or str, optional
        Integers, with −1 for unlabelled, or names of classes; or the name of a column or file that holds them.
    images : Samples, array (sample, y, x[, channel]) of uint8, str or path, optional
        Pictures in the order of the embeddings; a folder of them, paired by a column of paths where there is one; or
        what else `load_samples` opens.
    class_names : sequence of str, optional
    ids : array of int, or str, optional
        One a sample; 0, 1, … when there are none.
    array : str, optional
        Name of the embeddings, where the source has several arrays, columns of lists, or tensors.
    split : str
        Of the data set that `images` names.
    name : str, optional
        What titles call the run; the source's own name when left out.
    resume : bool
        Go on where an interrupted call with the same arguments stopped.
    progress : callable, optional
        Called with a `CaptureProgress` several times a second.

    Returns
    -------
    Store

    Raises
    ------
    SamplesError
        If the source cannot be read, or labels, ids or images do not fit it.
    CaptureError
        If there is a run already, or not enough space, or the disk fails; what was committed stays.
    StoreLockedError
        If another process writes the run.

    Examples
    --------
    >>> capture_embeddings(np.random.rand(60, 8), "run", labels=["cat", "dog"] * 30)  # doctest: +SKIP
    <Store 'run': 60 of 60 samples, 1 layers>
    """
    if not isinstance(path, str | Path):
        raise CaptureError(f"A {type(path).__name__} is no path.", "Give the folder of the new run.")
    folder = Path(path)
    found = existing_run(folder, resume)
    table = open_table(source, array)
    check_space(folder, FLOAT_BYTES * math.prod(table.shape), found, ROOM)  # a small file may claim much
    gathered = gather(table, labels, images, class_names, ids, split, name)
    layouts = plan_layouts(gathered)
    size = sum(layout.sample_bytes for layout in layouts) * len(gathered)
    check_space(folder, size, found, ROOM)
    fingerprint, invalid = gathered.scan()
    attributes = run_attributes(gathered, fingerprint)
    with StoreWriter(folder, layouts, attributes, fingerprint, resume) as writer:
        fill(writer, EmbeddingLoop(gathered, size, invalid, progress), layouts)
    warn_of_gaps(gathered, invalid)
    return open_store(folder)


def stored_layer(gathered: Gathered) -> StoredLayer:
    """Return the one layer of the run to be."""
    return StoredLayer(LayerInfo(LAYER, "Embedding", (gathered.units,)), True, False, layer_path(0))


def plan_layouts(gathered: Gathered) -> list[ArrayLayout]:
    """Return all arrays of the run to be, cut as suits their bytes."""
    drafts = _arrays(gathered, 1)
    pictures = gathered.pictures
    shape = None if pictures is None else pictures.samples.image_shape
    pixels = 1 if shape is None else shape[0] * shape[1]
    size = sum(draft.sample_bytes for draft in drafts)
    return _arrays(gathered, shard_rows(len(gathered), size, pixels))


def _arrays(gathered: Gathered, shard: int) -> list[ArrayLayout]:
    count = len(gathered)
    layouts = [
        array_layout(f"samples/{name}", ("sample",), (count,), "i8", shard) for name in ("id", "label")
    ]
    if gathered.paths is not None:
        layouts.append(array_layout("samples/path", ("sample",), (count,), STRING, shard))
    if gathered.pictures is not None:
        shape = (count, *gathered.pictures.shape)
        layouts.append(array_layout("samples/image", ("sample", "y", "x", "channel"), shape, "u1", shard))
    values = f"{layer_path(0)}/activation"
    layouts.append(
        array_layout(values, ("sample", "unit"), (count, gathered.units), "f4", shard, None, False)
    )
    return layouts


def run_attributes(gathered: Gathered, fingerprint: str) -> dict[str, dict[str, Any]]:
    """Return the attributes of the run's groups by path; nothing of a model, for there is none."""
    layer, pictures = stored_layer(gathered), gathered.pictures
    shape = None if pictures is None else pictures.samples.image_shape
    root = {
        "schema": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "class_names": gathered.class_names,
        "embeddings": {"source": gathered.table.kind, "units": gathered.units},
        "samples": {
            "name": gathered.name,
            "fingerprint": fingerprint,
            "reference": None if pictures is None else pictures.samples.reference,
            "image_shape": list(shape) if shape else None,
        },
        "thumbnails": pictures is not None and pictures.shape != shape,
        "layers": [layer_attributes(layer)],
        "graph": [info_attributes(layer.info)],
    }
    return {"": root, "samples": {}, "layers": {}, layer.path: layer_attributes(layer)}


class EmbeddingLoop:
    """Hand over to the writer what is not yet committed.

    Parameters
    ----------
    gathered : Gathered
    size : int
        Bytes of the whole run.
    invalid : int
        Embeddings that are not finite.
    progress : callable or None
    """

    def __init__(self, gathered: Gathered, size: int, invalid: int, progress: Progress | None) -> None:
        self._gathered, self._size, self._progress = gathered, size, progress
        labelled = int((gathered.labels != UNLABELLED).sum())
        self._facts = {"labelled": labelled, "invalid": invalid}

    def run(self, commit: Commit, writer: OverlappedWriter) -> None:
        """Go on after a commit, to the end."""
        began = reported = time.perf_counter()
        before = float(commit.facts.get("seconds", 0.0))
        start = commit.rows
        for vectors in self._gathered.blocks(start, commit.shard) if start < commit.total else ():
            batch = writer.batch()
            stop = start + len(vectors)
            self._describe(slice(start, stop), batch)
            batch[f"{layer_path(0)}/activation"][: len(vectors)] = vectors
            start, now = stop, time.perf_counter()
            writer.store(batch, {**self._facts, "seconds": before + now - began})
            if now - reported >= REPORT_SECONDS or start == commit.total:
                reported = now
                self._report(start, commit, now - began)

    def _describe(self, part: slice, batch: Batch) -> None:
        found, count = self._gathered, part.stop - part.start
        batch["samples/id"][:count] = found.ids[part]
        batch["samples/label"][:count] = found.labels[part]
        if found.paths is not None:
            batch["samples/path"][:count] = list(found.paths[part])
        if found.pictures is not None:
            batch["samples/image"][:count] = found.pictures.read(part)

    def _report(self, done: int, commit: Commit, elapsed: float) -> None:
        if self._progress is not None:
            remaining = elapsed / (done - commit.rows) * (commit.total - done)
            size = self._size * done // commit.total
            self._progress(CaptureProgress(done, commit.total, remaining, size, None))


def warn_of_gaps(gathered: Gathered, invalid: int) -> None:
    """Warn of vectors that are not finite, and of pictures that are none."""
    if invalid:
        warnings.warn(
            f"{invalid:,} of {len(gathered):,} embeddings are not finite as float32; analyses leave these samples out.",
            InvalidEmbeddingsWarning,
            stacklevel=3,
        )
    pictures = gathered.pictures
    broken = {} if pictures is None else pictures.samples.broken
    if pictures is not None and (pictures.missing or broken):
        first = next(iter(broken), "")
        warnings.warn(
            f"{max(pictures.missing, len(broken)):,} samples have no picture: {first} {broken.get(first, '')}.",
            BrokenFilesWarning,
            stacklevel=3,
        )
