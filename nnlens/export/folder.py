"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnlens.errors import ExportError


def check_free(folder: Path) -> None:
    """Refuse a folder that has something in it, or is a file.

    Raises
    ------
    ExportError
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ExportError(
            f"The folder {folder} is not empty, and nothing in it is written over.",
            "Name one that is not there.",
        )
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file.", "Name a folder that is not there.")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which gets its name when the block is left without an error.

    Raises
    ------
    ExportError
        If the folder is not empty or cannot be written to.
    """
    check_free(folder)
    target = folder.resolve()  # an empty folder behind a link is filled where it lies
    # not of `tempfile`: that one is closed to others, and the folder is meant to be published
    fresh = target.with_name(f".{target.name}-{uuid.uuid4().hex[:12]}")
    try:
        fresh.mkdir(parents=True)
        yield fresh
        check_free(folder)  # somebody may have filled it meanwhile
        fresh.rename(target)
    except OSError as error:
        raise ExportError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Name a folder elsewhere, or free some space.",
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody ever reads half of it.

    Raises
    ------
    ExportError
        If it cannot be written.
    """
    fresh = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)  # noqa: PTH105 - the one that also replaces on every system
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ExportError(
            f"{path} cannot be written: {error.strerror or error}.", "Name a file elsewhere."
        ) from error
