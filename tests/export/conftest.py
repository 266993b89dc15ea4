"""What the page of the Embedding Projector makes of a folder, written again from its source, slowly."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PIECE = 1_000_000
JS_SPACE = " \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""What trims from a line in JavaScript."""


def read_lines(content: bytes, piece: int = PIECE) -> list[str]:
    """Read lines as the page does: in pieces, each decoded by itself; one without a newline at the end hangs."""
    found, before = [], ""
    place = 0
    while True:
        part = content[place : place + piece]
        place += piece
        pieces = part.decode("utf-8", "replace").split("\n")
        assert part or place < len(content) + 2 * piece, "the page waits for ever"
        pieces[0] = before + pieces[0]
        if len(pieces) == 1:
            before = pieces[0]
            continue
        found += pieces[:-1]
        before = pieces[-1]
        if place >= len(content) - 1:
            return [*found, before] if before else found


def read_metadata(content: bytes, piece: int = PIECE) -> list[dict[str, str | None]]:
    names, rows = ["label"], []
    several = False
    for number, line in enumerate(read_lines(content, piece)):
        if not line.strip(JS_SPACE):
            continue
        if number == 0 and "\t" in line:
            names, several = line.split("\t"), True
            continue
        cells = line.split("\t")
        assert not several or len(cells) == len(names), "a cell too many or too few"
        rows.append({name: cells[at] or None for at, name in enumerate(names)})
    return rows


@dataclass
class Seen:
    """What the page has read."""

    config: dict
    entry: dict
    rows: list[tuple[float, ...]]
    metadata: list[dict[str, str | None]]
    sprite: Image.Image | None

    def picture(self, place: int) -> np.ndarray:
        """The picture of a point: so many columns as rows, one row after the other."""
        width, height = self.entry["sprite"]["singleImageDim"]
        columns = self.sprite.width // width
        assert columns * width == self.sprite.width
        assert self.sprite.height // height == columns, "rows must equal columns"
        assert columns == math.ceil(math.sqrt(len(self.rows)))
        left, top = place % columns * width, place // columns * height
        return np.asarray(self.sprite.crop((left, top, left + width, top + height)))


def look_at(folder: Path, numbers: bool = True) -> Seen:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert isinstance(config["modelCheckpointPath"], str)
    names = [each["tensorName"] for each in config["embeddings"]]
    assert len(set(names)) == len(names)
    (entry,) = config["embeddings"]
    samples, units = entry["tensorShape"]
    assert samples >= 2
    assert units >= 2, "the page takes no tensor of one column"
    assert entry["tensorPath"].endswith(".bytes")
    content = (folder / entry["tensorPath"]).read_bytes()
    assert len(content) == 4 * samples * units
    rows = list(struct.iter_unpack(f"<{units}f", content)) if numbers else [()] * samples
    metadata = read_metadata((folder / entry["metadataPath"]).read_bytes())
    assert len(metadata) == samples, "labels and points do not go together"
    sprite = None
    if "sprite" in entry:
        with Image.open(folder / entry["sprite"]["imagePath"]) as opened:
            sprite = opened.copy()
    assert sprite is None or max(sprite.size) <= 8192
    return Seen(config, entry, rows, metadata, sprite)


@pytest.fixture(autouse=True)
def large_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # a sheet of 8,192 pixels a side is no bomb
