"""`open_table`: one door to everything that embeddings are read from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from nnlens.capturing.embedded.numpy_files import NpzTable, open_npy
from nnlens.capturing.embedded.parquet import ParquetTable
from nnlens.capturing.embedded.projector import ProjectorTable
from nnlens.capturing.embedded.projector_config import CONFIGS
from nnlens.capturing.embedded.table import ArrayTable, Table
from nnlens.errors import SamplesError
from nnlens.samples import npy, npz, table

KINDS = "Give an array, a .npy, .npz or .parquet file, or a folder of the Embedding Projector."


def open_table(source: Any, array: str | None = None) -> Table:
    """Open vectors, whatever they are in.

    Parameters
    ----------
    source : array, dims (sample, unit), str or path
    array : str, optional
        Name of the vectors, where a source has several.

    Raises
    ------
    SamplesError
        If there is no such source, it cannot be read, or it is not clear what in it are the vectors.
    """
    if not isinstance(source, str | os.PathLike):
        return _in_memory(source)
    name = os.fspath(source)
    try:
        path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser() raises where there is no such home
        if path.name in CONFIGS and path.is_file():
            path = path.parent
        if path.is_dir():
            return ProjectorTable(path, array)
        if path.is_file():
            return _file(path, array)
    except (OSError, ValueError) as error:  # also a name that is too long
        told = getattr(error, "strerror", None) or "it is damaged"
        raise SamplesError(
            f"{name[:200]} cannot be read: {told}.", "Check the name and its permissions."
        ) from error
    raise SamplesError(f"There is no file or folder {name[:200]!r}.", KINDS)


def _in_memory(values: Any) -> Table:
    try:
        found = np.asarray(values)
    except Exception as error:  # whatever a stranger's object says when it is to become an array
        raise SamplesError(f"A {type(values).__name__} cannot be made an array.", KINDS) from error
    return ArrayTable(found, "The array")


def _file(path: Path, array: str | None) -> Table:
    """Open a file by what it begins with, whatever it is called."""
    with path.open("rb") as file:
        beginning = file.read(8)
    if beginning.startswith(npy.MAGIC):
        return open_npy(path)
    if beginning.startswith((npz.MAGIC, npz.EMPTY)):
        return NpzTable(path, array)
    if beginning.startswith(table.PARQUET):
        return ParquetTable(path, array)
    raise SamplesError(
        f"{path.name} is a file of no known kind{'' if beginning else ', as it is empty'}.", KINDS
    )
