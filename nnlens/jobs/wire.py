"""What goes between a process and its workers: JSON lines, and arrays as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Message = Mapping[str, Any]
_HEAD = "head"
MARK = "NNLENS_WORKER"
"""Environment variable that tells a process that it is a worker."""


def encode(message: Message) -> bytes:
    """Return a message as one line."""
    return json.dumps(message).encode() + b"\n"


@dataclass
class Lines:
    """Cuts what arrives in pieces into messages."""

    rest: bytes = field(default=b"", repr=False)

    def feed(self, piece: bytes) -> list[Message]:
        """Return the messages that this piece completes."""
        *lines, self.rest = (self.rest + piece).split(b"\n")
        return [json.loads(line) for line in lines if line]


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a dataset as plain arrays with a JSON head; nothing in the file is code."""
    arrays: dict[str, NDArray[Any]] = {}
    variables = []
    for place, (name, variable) in enumerate(dataset.variables.items()):
        values = np.asarray(variable.values)
        text = values.dtype.kind in "OT"
        arrays[f"array{place}"] = values.astype(str) if text else values
        variables.append(
            [str(name), list(variable.dims), name in dataset.coords, text, plain(variable.attrs)]
        )
    head = json.dumps({"variables": variables, "attrs": plain(dataset.attrs)})
    arrays[_HEAD] = np.frombuffer(head.encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_dataset(path: Path) -> xr.Dataset:
    """Read what `write_dataset` wrote, into memory."""
    with np.load(path, allow_pickle=False) as file:
        head = json.loads(file[_HEAD].tobytes())
        variables: dict[str, Any] = {}
        coords: dict[str, Any] = {}
        for place, (name, dims, is_coord, text, attrs) in enumerate(head["variables"]):
            values = file[f"array{place}"]
            kept = coords if is_coord else variables
            kept[name] = (tuple(dims), values.astype(object) if text else values, attrs)
    return xr.Dataset(variables, coords, head["attrs"])


def plain(value: Any, strict: bool = False) -> Any:
    """Turn numpy's numbers and arrays, and mappings, into what JSON knows; what it does not know becomes text.

    Raises
    ------
    TypeError
        If `strict` and there is something else.
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), strict)
    if isinstance(value, Mapping):
        return {str(key): plain(each, strict) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, strict) for each in value]
    if isinstance(value, str | int | float | bool | None):
        return value
    if strict:
        raise TypeError(f"a {type(value).__name__} is no plain data")
    return str(value)
