"""A folder as the Embedding Projector and TensorBoard have it: a configuration that names vectors, metadata, a sprite.

No path of the configuration leads out of the folder, and nothing is fetched.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.embedded.projector_config import Entry, read_entries
from nnlens.capturing.embedded.table import Block, checked_shape, no_column
from nnlens.errors import SamplesError
from nnlens.samples.decoding import decode, read_header
from nnlens.samples.naming import listed

LABEL = "label"
"""What the one column of metadata without a header is called."""


class ProjectorTable:
    """The vectors of a projector's folder, with its metadata as columns.

    Parameters
    ----------
    folder : Path
    array : str, optional
        The tensor's name, where the configuration has several.

    Raises
    ------
    SamplesError
        If there is no configuration, or what it names is missing, outside of the folder, or of another size.
    """

    kind = "projector"

    def __init__(self, folder: Path, array: str | None = None) -> None:
        self.name, self._folder = folder.resolve().name, folder
        self._entry = self._pick(read_entries(folder), array)
        self._tensor = self._file(self._entry.tensor, "tensorPath")
        self._dense = self._tensor.suffix == ".bytes"
        shape = self._dense_shape() if self._dense else self._text_shape()
        self.shape = checked_shape(shape, np.dtype(np.float32), self._tensor.name)
        self.columns = tuple(self._metadata)

    def blocks(self, start: int, size: int) -> Iterator[Block]:
        """Yield vectors."""
        if self._dense:
            values = np.memmap(self._tensor, "<f4", "r", 0, self.shape)
            for first in range(start, self.shape[0], size):
                yield values[first : first + size]
            return
        try:
            yield from self._rows(start, size)
        except ValueError as error:  # also what is no ASCII
            raise SamplesError(
                f"{self._tensor.name} cannot be read: not every line holds {self.shape[1]} numbers.",
                "Write the vectors as numbers between tabs, a line for each sample.",
            ) from error

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of the metadata as text, dims (sample,)."""
        if name not in self._metadata:
            raise no_column(self, name)
        return np.array(self._metadata[name], object)

    def pictures(self) -> NDArray[np.uint8] | None:
        """Cut the sprite into pictures.

        Raises
        ------
        SamplesError
            If its grid is not the square one that the projector reads.
        """
        if not self._entry.sprite:
            return None
        path = self._file(self._entry.sprite, "imagePath")
        try:
            sheet = decode(path, read_header(path).channels)
        except SamplesError as error:
            raise SamplesError(f"The sprite {path.name} {error}.", "Write it as PNG.") from error
        side = math.ceil(math.sqrt(self.shape[0]))
        width, height = self._picture_size()
        if sheet.shape[:2] != (side * height, side * width):
            raise SamplesError(
                f"The sprite {path.name} has {sheet.shape[1]}×{sheet.shape[0]} pixels where {self.shape[0]:,} pictures"
                f" of {width}×{height} in a grid of {side}×{side} have {side * width}×{side * height}.",
                "Write as many rows as columns, one after the other, and leave the rest empty.",
            )
        cut = sheet.reshape(side, height, side, width, -1).swapaxes(1, 2)
        return cut.reshape(side * side, height, width, -1)[: self.shape[0]]

    # ------------------------------------------------------------------------------------------------ configuration
    def _pick(self, entries: list[Entry], array: str | None) -> Entry:
        names = [entry.name for entry in entries]
        found = [entry for entry in entries if array in (None, entry.name)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise SamplesError(
                f"The configuration in {self.name} has no tensor {(array or '')[:60]!r}.",
                f"It has {listed(names)}.",
            )
        raise SamplesError(
            f"The configuration in {self.name} has {listed(names)}, and it is not clear which to take.",
            "Name the tensor: array=… (--array).",
        )

    def _file(self, path: str, word: str) -> Path:
        """Return a file that the configuration names; it must lie in the folder, also when links are followed."""
        shown = path[:60]
        if not path:
            raise SamplesError(
                f"The configuration in {self.name} has no {word}.",
                "Write the vectors beside it, and their path.",
            )
        try:
            place = (self._folder / path).resolve()
            inside = place.is_relative_to(self._folder.resolve()) and "\\" not in path and "://" not in path
            there = inside and place.is_file()
        except (OSError, ValueError):  # a name that is too long, or has a zero in it
            inside, there = True, False
        if not inside:
            raise SamplesError(
                f"The configuration in {self.name} names {shown!r}, which lies outside of the folder.",
                "Put all files into one folder, and name them from there.",
            )
        if not there:
            raise SamplesError(
                f"The configuration in {self.name} names {shown!r}, which is not there.", "Copy it, too."
            )
        return place

    def _dense_shape(self) -> tuple[int, ...]:
        size, shape = self._tensor.stat().st_size, self._entry.shape
        if len(shape) != 2 or min(shape) < 1:
            raise SamplesError(
                f"The configuration in {self.name} does not say how many samples and units {self._tensor.name} has.",
                "Write it as tensorShape: [samples, units].",
            )
        if size != 4 * math.prod(shape):
            raise SamplesError(
                f"{self._tensor.name} has {size:,} bytes where tensorShape {list(shape)} of float32 has"
                f" {4 * math.prod(shape):,}.",
                "Correct the configuration, or write the vectors again.",
            )
        return shape

    def _picture_size(self) -> tuple[int, int]:
        if len(self._entry.picture) != 2 or min(self._entry.picture) < 1:
            raise SamplesError(
                f"The configuration in {self.name} does not say how large a picture of the sprite is.",
                "Write it as singleImageDim: [width, height].",
            )
        width, height = self._entry.picture
        return width, height

    # ------------------------------------------------------------------------------------------------ text
    def _text_shape(self) -> tuple[int, ...]:
        """Count the lines of a TSV of vectors, and the numbers in the first one."""
        rows, units = 0, 0
        with self._tensor.open("rb") as file:
            for line in file:
                if line.strip():
                    units = units or line.count(b"\t") + 1
                    rows += 1
        told = self._entry.shape
        if len(told) == 2 and told != (rows, units):
            raise SamplesError(
                f"{self._tensor.name} has {rows:,} lines of {units:,} numbers where tensorShape is {list(told)}.",
                "Correct the configuration, or write the vectors again.",
            )
        return rows, units

    def _rows(self, start: int, size: int) -> Iterator[Block]:
        with self._tensor.open(encoding="ascii") as file:
            lines = itertools.islice((line for line in file if line.strip()), start, None)
            while some := list(itertools.islice(lines, size)):
                rows = np.loadtxt(some, delimiter="\t", comments=None, ndmin=2)
                if rows.shape[1] != self.shape[1]:
                    raise ValueError(rows.shape)
                yield rows

    @cached_property
    def _metadata(self) -> dict[str, list[str]]:
        """The columns of the metadata: one alone has no header, several have one; nothing in it is quoted."""
        if not self._entry.metadata:
            return {}
        path = self._file(self._entry.metadata, "metadataPath")
        text = path.read_bytes().decode("utf-8-sig", "replace")
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        while lines and not lines[-1].strip():
            lines.pop()
        several = bool(lines) and "\t" in lines[0]
        if len(lines) - several != self.shape[0]:
            raise SamplesError(
                f"{path.name} has {len(lines):,} lines where {self.shape[0]:,} samples"
                f"{' and the header' if several else ''} need {self.shape[0] + several:,}.",
                "A single column has no header, several need one; an unknown value is no empty line but a word.",
            )
        if not several:
            return {LABEL: [line.strip() for line in lines]}
        rows = [line.split("\t") for line in lines]
        return {
            name.strip(): [row[place].strip() if place < len(row) else "" for row in rows[1:]]
            for place, name in enumerate(rows[0])
        }
