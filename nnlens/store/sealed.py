"""A dataset as a sealed zarr group: written once, and checked whenever it is loaded."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import LocalStore

from nnlens.errors import StoreDamagedError
from nnlens.store.checking import RESTORE, CheckedStore, check_no_link
from nnlens.store.commit import digest, sync_paths
from nnlens.store.layout import METADATA, STRING

SEAL = "nnlens_seal"
"""Attribute of the root that vouches for all metadata."""
CHUNK_BYTES = 16 << 20
CHUNK = re.compile(r"(^|.*/)c(/\d+)*$")


def write_result(folder: Path, dataset: xr.Dataset) -> None:
    """Write a dataset as a sealed and synced zarr group."""
    plain = _writable(dataset)
    plain.to_zarr(
        folder,
        mode="w-",
        consolidated=False,
        zarr_format=3,
        write_empty_chunks=True,
        encoding=_encoding(plain),
    )
    _seal(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    folders = [path for path in folder.rglob("*") if path.is_dir()]
    sync_paths([*files, *folders, folder])


def load_result(folder: Path) -> xr.Dataset:
    """Load and check a dataset that `write_result` wrote.

    Raises
    ------
    StoreDamagedError
        Naming what is missing or changed.
    """
    try:
        root, metadata = _unseal(folder)
        checked = {**metadata, METADATA: digest(root)}
        store = CheckedStore(LocalStore(folder, read_only=True), checked, lambda key: bool(CHUNK.match(key)))
        # times are not decoded: a variable may be measured in "seconds" and still be a number
        dataset = xr.open_zarr(
            store, consolidated=False, zarr_format=3, chunks=None, mask_and_scale=False, decode_times=False
        ).load()
    except StoreDamagedError:
        raise
    except Exception as error:  # whatever a decoder says of bytes that were changed
        raise StoreDamagedError(f"{folder.name} is damaged.", RESTORE) from error
    dataset.attrs.pop(SEAL, None)
    texts = {
        name: variable.astype(object)
        for name, variable in dataset.variables.items()
        if variable.dtype == STRING
    }
    return dataset.assign(texts).drop_encoding()


def _seal(folder: Path) -> None:
    """Note the SHA-256 of all metadata in the root's attributes, and a checksum of the root itself."""
    path = folder / METADATA
    root = json.loads(path.read_bytes())
    children = {
        file.relative_to(folder).as_posix(): digest(file.read_bytes())
        for file in folder.rglob(METADATA)
        if file != path
    }
    root["attributes"][SEAL] = {"metadata": children}
    root["attributes"][SEAL]["crc32"] = zlib.crc32(json.dumps(root, sort_keys=True).encode())
    path.write_text(json.dumps(root, sort_keys=True))


def _unseal(folder: Path) -> tuple[bytes, dict[str, str]]:
    check_no_link(folder, METADATA)
    text = (folder / METADATA).read_bytes()
    root = json.loads(text)
    seal = root["attributes"][SEAL]
    if seal.pop("crc32") != zlib.crc32(json.dumps(root, sort_keys=True).encode()):
        raise StoreDamagedError(f"{folder.name}/{METADATA} was changed after it was written.", RESTORE)
    return text, seal["metadata"]


def is_sound(folder: Path) -> bool:
    """Whether a dataset can be loaded and passes every check."""
    try:
        load_result(folder)
    except StoreDamagedError:
        return False
    return True


def _writable(dataset: xr.Dataset) -> xr.Dataset:
    plain = dataset.drop_encoding()
    for name, variable in plain.variables.items():
        if variable.dtype.kind == "U":  # zarr v3 has no fixed-length text
            plain[name] = variable.astype(object)
        plain[name].attrs = {key: _plain(value) for key, value in variable.attrs.items()}
    plain.attrs = {str(key): _plain(value) for key, value in dataset.attrs.items()}
    return plain


def _encoding(dataset: xr.Dataset) -> dict[Any, dict[str, Any]]:
    codecs = [ZstdCodec(level=1), Crc32cCodec()]
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[name] = {"compressors": codecs, "_FillValue": None}
        if variable.ndim:
            row = max(1, variable.nbytes // max(1, variable.shape[0]))
            rows = min(variable.shape[0], max(1, CHUNK_BYTES // row))
            encoding[name]["chunks"] = (max(1, rows), *(max(1, size) for size in variable.shape[1:]))
    return encoding


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and arrays into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value
