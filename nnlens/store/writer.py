"""Write a run: arrays of a known size, a batch at a time, each batch committed before the next counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec, TransposeCodec

from nnlens.errors import StoreError
from nnlens.store.checking import check_no_link, shard_of
from nnlens.store.commit import Commit, digest, read_commit, sync_paths, write_commit
from nnlens.store.encoding import Buffer, encode_shard
from nnlens.store.layout import COMMIT, DATA, LOCK, METADATA, RESULTS, STRING, ArrayLayout, empty
from nnlens.store.lock import WriterLock

COMPRESSION: dict[str, Any] = {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 4}
"""What `nnlens.store.encoding.COMPRESSOR` is, in zarr's words."""


class StoreWriter:
    """The one writer of a run, for the time of a ``with`` block.

    Parameters
    ----------
    folder : Path
        Of the run; made where it does not exist.
    layouts : sequence of ArrayLayout
        All arrays of the run, with the same samples and the same shards.
    attributes : mapping of str to mapping
        Plain data for the attributes of groups, by path; ``""`` is the root.
    fingerprint : str
        Of all that went in.
    resume : bool
        Whether a run that is there already may be gone on with.

    Raises
    ------
    StoreLockedError
        If another process writes the run.
    StoreError
        If the folder is no run, or a run made from something else, or one that is not to be gone on with.
    """

    def __init__(
        self,
        folder: Path,
        layouts: Sequence[ArrayLayout],
        attributes: Mapping[str, Mapping[str, Any]],
        fingerprint: str,
        resume: bool = False,
    ) -> None:
        self.folder = folder
        self._layouts = {layout.path: layout for layout in layouts}
        self._attributes = attributes
        self._fingerprint = fingerprint
        self._resume = resume
        self._lock = WriterLock(folder)
        self.commit = Commit(0, 0, fingerprint, 1)

    def __enter__(self) -> StoreWriter:
        try:
            with ExitStack() as undo:
                self.folder.mkdir(parents=True, exist_ok=True)
                if (
                    read_commit(self.folder) is None
                ):  # also before the lock, which is a file: that folder is not ours
                    check_no_strangers(self.folder)
                undo.enter_context(self._lock)
                self._open()
                undo.pop_all()  # all went well: the lock is held until `__exit__`
        except OSError as error:
            raise StoreError(
                f"The run {self.folder.name!r} cannot be written: {error.strerror or error}.",
                "Capture into another folder, or free some space.",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def _open(self) -> None:
        found = read_commit(self.folder)
        if found is None:
            check_no_strangers(self.folder)
            self._create()
        else:
            self._check_resumable(found)
            for path in self._layouts:
                check_no_link(self.folder / DATA, path)
            self.commit = found
            clean(self.folder / DATA, found)

    def _check_resumable(self, found: Commit) -> None:
        name = self.folder.name
        if not self._resume:
            raise StoreError(f"{name!r} holds a run already.", "Resume it, or write into another folder.")
        if found.fingerprint != self._fingerprint:
            raise StoreError(
                f"The run {name!r} came from another model, data set, preprocessing or choice of layers.",
                "Capture into another folder.",
            )
        if any(layout.shard != found.shard for layout in self._layouts.values()):
            raise StoreError(f"The run {name!r} was begun anew in the meantime.", "Resume it again.")

    def _create(self) -> None:
        data = self.folder / DATA
        if data.exists():
            shutil.rmtree(data)
        root = zarr.open_group(data, mode="w", zarr_format=3, attributes=dict(self._attributes.get("", {})))
        for path, attributes in self._attributes.items():
            if path:
                root.create_group(path, attributes=dict(attributes))
        for layout in self._layouts.values():
            create_array(root, layout)
        files = sorted(data.rglob(METADATA))
        sync_paths([*files, *sorted({file.parent for file in files}), self.folder, self.folder.parent])
        first = next(iter(self._layouts.values()))
        metadata = {file.relative_to(data).as_posix(): digest(file.read_bytes()) for file in files}
        self.commit = Commit(0, first.shape[0], self._fingerprint, first.shard, metadata)
        write_commit(self.folder, self.commit)

    def write(self, values: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Commit:
        """Write the next batch of every array, sync it, then commit it.

        Parameters
        ----------
        values : mapping of str to ndarray, dims (sample, ...)
            By path; as many samples as a shard, fewer only at the end.
        facts : mapping
            For the commit.

        Returns
        -------
        Commit
        """
        start = self.commit.rows
        count = min(self.commit.shard, self.commit.total - start)
        files = []
        for path, layout in self._layouts.items():
            files.append(self.folder / DATA / layout.shard_key(start // self.commit.shard))
            write_file(files[-1], encode_shard(values[path][:count], layout))
        sync_paths([*files, *(file.parent for file in files)])
        self.commit = replace(self.commit, rows=start + count, facts=dict(facts))
        write_commit(self.folder, self.commit)
        return self.commit


def create_array(root: zarr.Group, layout: ArrayLayout) -> None:
    """Make an empty array as the layout says: sharded, every chunk with its checksum, dots in the file names."""
    trailing = layout.shape[1:]
    root.create_array(
        layout.path,
        shape=layout.shape,
        dtype=str if layout.dtype == STRING else layout.dtype,
        chunks=(layout.chunk, *trailing),
        shards=(layout.shard, *trailing),
        filters=[] if layout.order is None else [TransposeCodec(order=layout.order)],
        compressors=[*([BloscCodec(**COMPRESSION)] if layout.compressed else []), Crc32cCodec()],
        fill_value=layout.fill,
        dimension_names=layout.dims,
        # one folder an array: with slashes every shard is a folder of its own for each dimension, each to be synced
        chunk_key_encoding={"name": "default", "separator": "."},
        # zarr leaves out chunks that equal the fill value, and then nobody can tell them from lost ones
        config={"write_empty_chunks": True},
    )


def write_file(path: Path, parts: Sequence[Buffer]) -> None:
    """Write a shard; it counts for nothing before it is committed, so it needs no other name at first."""
    # O_NOFOLLOW: a run from a stranger may hold a link in place of the next shard
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)


def clean(data: Path, commit: Commit) -> None:
    """Remove what a killed writer left behind: unfinished files, and shards that were never committed."""
    for file in data.rglob("*"):
        shard = shard_of(file.name)
        if file.name.endswith(".partial") or (shard is not None and shard * commit.shard >= commit.rows):
            file.unlink()


def check_no_strangers(folder: Path) -> None:
    """Refuse to write into a folder that holds anything but the beginning of a run.

    Raises
    ------
    StoreError
        If the folder is not empty.
    """
    results = folder / RESULTS
    if results.is_dir() and any(results.iterdir()):  # they would pass for results of the new run
        raise StoreError(
            f"The folder {folder.name!r} holds results of a run whose {COMMIT} is lost.",
            "Capture into another folder, or delete this one.",
        )
    known = {LOCK, DATA, RESULTS, f"{COMMIT}.tmp"}
    if any(entry.name not in known for entry in folder.iterdir()):
        raise StoreError(
            f"The folder {folder.name!r} is not empty and holds no run.", "Capture into another folder."
        )


def empty_batch(layouts: Sequence[ArrayLayout]) -> dict[str, NDArray[Any]]:
    """Return room for one batch of every array, by path."""
    return {layout.path: empty(layout, layout.shard) for layout in layouts}
