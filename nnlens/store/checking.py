"""A zarr store that refuses what the commit does not vouch for.

Plain zarr returns the fill value where a chunk is missing, follows links, and believes an edited ``zarr.json``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, WrapperStore

from nnlens.errors import StoreDamagedError
from nnlens.store.commit import Commit, digest
from nnlens.store.layout import DATA, METADATA


class CheckedStore(WrapperStore[LocalStore]):
    """Read a zarr hierarchy and raise, naming it, where something that must be there is missing, a link, or changed.

    Parameters
    ----------
    store : LocalStore
        On the folder, read-only.
    metadata : mapping of str to str
        SHA-256 of every ``zarr.json`` by its path.
    committed : callable
        Whether the file of chunks with this path must be there; others are never shown.
    """

    def __init__(
        self, store: LocalStore, metadata: Mapping[str, str], committed: Callable[[str], bool]
    ) -> None:
        super().__init__(store)
        self._metadata = metadata
        self._committed = committed

    def _with_store(self, store: LocalStore) -> CheckedStore:
        return type(self)(store, self._metadata, self._committed)

    async def get(  # noqa: D102 - as zarr documents it
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        describes = PurePosixPath(key).name == METADATA
        if not (key in self._metadata if describes else self._committed(key)):
            return None
        check_no_link(self._store.root, key)
        found = await self._store.get(key, prototype, byte_range)
        if found is None:
            raise missing(self._store.root, key)
        if not len(found):  # zarr takes an empty shard for one that was never written
            raise damaged(self._store.root, key)
        if describes:
            check_metadata(self._store.root, key, found.to_bytes(), self._metadata)
        return found

    async def get_partial_values(  # noqa: D102
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]


def run_store(folder: Path, commit: Commit) -> CheckedStore:
    """Open ``data.zarr`` of a run for zarr or xarray, as far as it is committed."""

    def committed(key: str) -> bool:
        shard = shard_of(key)
        return shard is not None and shard * commit.shard < commit.rows

    return CheckedStore(LocalStore(folder / DATA, read_only=True), commit.metadata, committed)


def read_metadata(root: Path, key: str, metadata: Mapping[str, str]) -> bytes:
    """Read a ``zarr.json`` and check it against its SHA-256.

    Raises
    ------
    StoreDamagedError
        If it is missing, a link, or not as it was committed.
    """
    check_no_link(root, key)
    try:
        found = (root / key).read_bytes()
    except FileNotFoundError:
        raise missing(root, key) from None
    except IsADirectoryError:
        raise damaged(root, key) from None
    check_metadata(root, key, found, metadata)
    return found


def check_metadata(root: Path, key: str, found: bytes, metadata: Mapping[str, str]) -> None:
    """Refuse metadata that is not what was committed.

    Raises
    ------
    StoreDamagedError
        Naming the file.
    """
    if metadata.get(key) != digest(found):
        raise StoreDamagedError(f"{root.name}/{key} was changed after it was written.", RESTORE)


def check_no_link(root: Path, key: str) -> None:
    """Refuse a file that is reached through a link inside the hierarchy: it may lead anywhere; and pipes and the like.

    Raises
    ------
    StoreDamagedError
        Naming the link.
    """
    path, mode = os.fspath(root), 0
    for part in ("", *PurePosixPath(key).parts):
        path = os.path.join(path, part) if part else path  # noqa: PTH118 - called for every file; pathlib costs thrice
        mode = _mode(path)
        if stat.S_ISLNK(mode):
            raise StoreDamagedError(f"{root.name}/{key} is a link, or reached through one.", RESTORE)
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe would be waited for for ever
        raise StoreDamagedError(f"{root.name}/{key} is no file.", RESTORE)


def _mode(path: str) -> int:
    """Return what a path is, 0 where there is nothing."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def shard_of(key: str) -> int | None:
    """Return the number of the shard that a path in a run names, None for any other path."""
    parts = PurePosixPath(key).name.split(".")
    return int(parts[1]) if len(parts) > 1 and parts[0] == "c" and parts[1].isdecimal() else None


def missing(root: Path, key: str) -> StoreDamagedError:
    """Return the error for something committed that is not there."""
    return StoreDamagedError(f"{root.name}/{key} is missing.", RESTORE)


def damaged(root: Path, key: str) -> StoreDamagedError:
    """Return the error for chunks that do not match their checksums."""
    return StoreDamagedError(
        f"{root.name}/{key} is damaged: its content does not match its checksum.", RESTORE
    )


RESTORE = "Restore it from a copy, or make it again."
