"""A dataset as a sealed zarr group: written once, and checked whenever it is loaded."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import LocalStore

from nnlens.errors import StoreDamagedError
from nnlens.schema import LARGE_BYTES
from nnlens.store.checking import RESTORE, CheckedStore, check_no_link
from nnlens.store.commit import digest, sync_paths
from nnlens.store.layout import METADATA, STRING
from nnlens.store.lazy import SampleArray

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

    Of one over `LARGE_BYTES` the large variables are read, and checked, when their values are asked for.

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
        )
        dataset = _loaded(dataset, folder.name)
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


def _loaded(dataset: xr.Dataset, who: str) -> xr.Dataset:
    """Load a dataset; the large variables of a large one only when they are asked for."""
    if dataset.nbytes <= LARGE_BYTES:
        return dataset.load()
    large = {
        name: variable
        for name, variable in dataset.data_vars.variables.items()
        if variable.nbytes > LARGE_BYTES // 8 and variable.dtype != STRING
    }
    later = dataset.assign({name: _later(variable, who) for name, variable in large.items()})
    for name in set(dataset.variables) - set(large):
        later[name].load()
    return later


def _later(variable: xr.Variable, who: str) -> xr.Variable:
    def read(positions: NDArray[np.intp]) -> NDArray[Any]:
        try:
            return np.asarray(variable[_as_slice(positions)].values)
        except StoreDamagedError:
            raise
        except Exception as error:  # as in `load_result`
            raise StoreDamagedError(f"{who} is damaged.", RESTORE) from error

    held = SampleArray(read, variable.shape, variable.dtype)
    return xr.Variable(variable.dims, indexing.LazilyIndexedArray(held), variable.attrs)


def _as_slice(positions: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return positions that follow each other as a slice, which is read chunk by chunk."""
    if positions.size and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def check_result(folder: Path) -> None:
    """Read all of a dataset, keeping a chunk at a time.

    Raises
    ------
    StoreDamagedError
        Naming what is missing or changed.
    """
    for variable in load_result(folder).variables.values():
        for rows in _blocks(variable):
            _ = variable[rows].values


def _blocks(variable: xr.Variable) -> Iterator[slice]:
    """Cut a variable as it is cut into chunks."""
    if variable.ndim:
        step = _rows(variable)
        yield from (slice(start, start + step) for start in range(0, variable.shape[0], step))


def _rows(variable: xr.Variable) -> int:
    row = max(1, variable.nbytes // max(1, variable.shape[0]))
    return max(1, min(variable.shape[0], CHUNK_BYTES // row))


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
        check_result(folder)
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
            encoding[name]["chunks"] = (_rows(variable), *(max(1, size) for size in variable.shape[1:]))
    return encoding


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and arrays into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value
