"""What a file of weights is, by its first bytes and not by its name; nothing in it is run or unpacked."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Literal

from nnlens.errors import ModelError

Kind = Literal["torch", "safetensors", "keras", "hdf5", "torchscript", "exported", "pickle", "onnx"]

ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""torch before 1.6 pickled this number first."""
LATEST_ONNX = 40
ONNX_FIELDS = (b"\x12", b"\x1a", b"\x22", b"\x28", b"\x32", b"\x3a", b"\x42", b"\x72")
"""Tags of what may follow the version: producer, domain, number, description, graph, operators, metadata."""
LARGEST_HEADER = 100_000_000
"""Bytes; what the safetensors library itself allows."""
UNPACKING = 16
"""How many times its own size a zip file may unpack to; torch and Keras do not compress weights."""

STATE_DICT_HINT = "Save the weights alone: torch.save(model.state_dict(), FILE)."
AGAIN = "Fetch the file again."
TRUST_HINT = f"{STATE_DICT_HINT} Or, if you trust who made it: --trust (trust=True)."


def sniff(path: Path, trust: bool = False) -> Kind:
    """Tell what a file of weights is.

    Parameters
    ----------
    path : Path
    trust : bool
        Whether programs are wanted, too: ``"torchscript"``, ``"exported"``, ``"pickle"``. Here nothing is run.

    Raises
    ------
    ModelError
        If the file is none that can be opened safely; the message says what it is instead.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise ModelError(f"{path.name} is empty.", AGAIN)
    if head.startswith(ZIP):
        return _zipped(path, size, trust)
    if head.startswith(HDF5):
        return "hdf5"
    if head.startswith(OLD_TORCH):
        return "torch"
    if _is_safetensors(head, size):
        return "safetensors"
    if _is_onnx(head):
        return "onnx"
    if trust and _is_pickle(head):
        return "pickle"
    raise _refusal(path.name, head)


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) < 9 or head[8:9] != b"{":
        return False
    length = struct.unpack("<Q", head[:8])[0]
    return bool(length <= min(LARGEST_HEADER, size - 8))


def _is_onnx(head: bytes) -> bool:
    """Whether a file begins with a version of ONNX, as all do, and the field that follows it."""
    return head[:1] == b"\x08" and head[2:3] in ONNX_FIELDS and 0 < head[1] < LATEST_ONNX


def _zipped(path: Path, size: int, trust: bool) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(f"{path.name} is cut off or damaged.", AGAIN) from error
    if unpacked > UNPACKING * size + 2**20:
        raise ModelError(
            f"{path.name} has {size:,} bytes and claims to unpack to {unpacked:,}.",
            "Do not open it unless you made it.",
        )
    if any(_escapes(name) for name in names):
        raise ModelError(f"{path.name} holds a file that points outside of it.", "Do not open it.")
    return _archive(path.name, names, trust)


def _escapes(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")


def _archive(name: str, names: list[str], trust: bool) -> Kind:
    inner = {entry.partition("/")[2] or entry for entry in names}
    if {"config.json", "metadata.json"} <= set(names):
        return "keras"
    if "constants.pkl" in inner or any(entry.startswith("code/") for entry in inner):
        if trust:
            return "torchscript"
        raise ModelError(f"{name} is a TorchScript program: opening it would run the code in it.", TRUST_HINT)
    if "archive_format" in inner or any("exported_program" in entry for entry in names):
        if trust:
            return "exported"
        raise ModelError(f"{name} is an exported torch program: opening it would run code.", TRUST_HINT)
    if "data.pkl" in inner:
        return "torch"
    raise ModelError(f"{name} is a zip archive, but neither torch nor Keras wrote it.", "Unpack it first.")


def _is_pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _refusal(name: str, head: bytes) -> ModelError:
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return ModelError(f"{name} is a web page, probably an error page.", AGAIN)
    if text.startswith(b"version https://git-lfs"):
        return ModelError(f"{name} is a git-lfs pointer, not the weights.", "Run: git lfs pull.")
    if _is_pickle(head):
        return ModelError(f"{name} is a Python pickle: opening it could run code.", TRUST_HINT)
    if text.startswith(b"{"):
        return ModelError(f"{name} is JSON: an architecture without weights.", "Give the file of weights.")
    return ModelError(
        f"{name} is no file of weights that nnlens knows, or it is damaged.",
        "Known are .pth, .pt and .safetensors of torch, .keras and .h5 of Keras, and .onnx.",
    )
