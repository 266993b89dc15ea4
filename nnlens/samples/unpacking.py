"""Unpacking a .tar.gz that comes from elsewhere: plain files, nowhere but inside, no more than agreed."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from nnlens.errors import SamplesError

MOST = 200_000
"""Members of an archive; Imagenette has 13,416."""
DAMAGED = (tarfile.TarError, EOFError, zlib.error, OverflowError, ValueError)
"""What tarfile raises for archives that are damaged."""


def unpack(
    archive: Path, folder: Path, largest: int, progress: Callable[[float, float], None] = lambda *_: None
) -> None:
    """Unpack an archive into a folder that is empty.

    Parameters
    ----------
    archive : Path
    folder : Path
    largest : int
        Bytes that it may unpack to.
    progress : callable, optional
        Is told the bytes that are read, and all.

    Raises
    ------
    SamplesError
        If it is damaged, has a link or a device, leads out of the folder, or is too large.
    OSError
        If the disk fails.
    """
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:gz") as members:
            size = archive.stat().st_size
            for count, member in enumerate(members, 1):
                largest -= max(member.size, 0)
                if count > MOST or largest < 0:
                    raise _refused(archive, "is larger than the data set")
                _unpack(members, member, folder, archive)
                progress(raw.tell(), size)
    except DAMAGED as error:
        raise _refused(archive, "is damaged") from error


def _unpack(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise _refused(archive, "leads out of its folder")
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = members.extractfile(member) if member.isreg() else None
    if source is None:
        raise _refused(archive, "has a link or a device in it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    if target.stat().st_size != member.size:
        raise _refused(archive, "is damaged")


def _refused(archive: Path, why: str) -> SamplesError:
    return SamplesError(f"{archive.name} {why} and was not unpacked.", "Try again later.")
