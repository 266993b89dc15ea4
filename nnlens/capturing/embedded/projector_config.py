"""What a folder of the Embedding Projector says of itself: ``config.json``, or TensorBoard's text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlens.capturing.embedded import pbtxt
from nnlens.errors import SamplesError

CONFIGS = ("config.json", "projector_config.json", "projector_config.pbtxt")
LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True)
class Entry:
    """What a configuration says of one tensor; paths as they stand there.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Empty where it is not told.
    tensor, metadata, sprite : str
        Paths; empty where there are none.
    picture : tuple of int
        Width and height of one picture of the sprite.
    """

    name: str
    shape: tuple[int, ...]
    tensor: str
    metadata: str
    sprite: str
    picture: tuple[int, ...]


def read_entries(folder: Path) -> list[Entry]:
    """Read the configuration of a folder.

    Raises
    ------
    SamplesError
        If there is none, or it cannot be read.
    """
    path = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    if path is None:
        raise SamplesError(
            f"The folder {folder.resolve().name} has no configuration of the Embedding Projector.",
            f"It is called {' or '.join(CONFIGS)}; else give a .npy, .npz or .parquet file.",
        )
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ValueError("too large")
        text = path.read_text(encoding="utf-8-sig")
        entries = _from_json(json.loads(text)) if path.suffix == ".json" else _from_text(pbtxt.parse(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SamplesError(
            f"{path.name} is no configuration of the Embedding Projector.", "Write it again."
        ) from error
    if not entries:
        raise SamplesError(f"{path.name} names no tensor.", "Write one under embeddings.")
    return entries


def _from_json(data: Any) -> list[Entry]:
    found = []
    for each in data["embeddings"]:
        sprite = each.get("sprite") or {}
        found.append(
            Entry(
                str(each.get("tensorName", "")),
                _whole(each.get("tensorShape", ())),
                str(each.get("tensorPath") or ""),
                str(each.get("metadataPath") or ""),
                str(sprite.get("imagePath") or ""),
                _whole(sprite.get("singleImageDim", ())),
            )
        )
    return found


def _from_text(data: pbtxt.Block) -> list[Entry]:
    found = []
    for each in data.get("embeddings", []):
        sprite = each.get("sprite", [{}])[0]
        found.append(
            Entry(
                _last(each, "tensor_name"),
                _whole(each.get("tensor_shape", ())),
                _last(each, "tensor_path"),
                _last(each, "metadata_path"),
                _last(sprite, "image_path"),
                _whole(sprite.get("single_image_dim", ())),
            )
        )
    return found


def _last(block: pbtxt.Block, name: str) -> str:
    return str(block.get(name, [""])[-1])


def _whole(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
