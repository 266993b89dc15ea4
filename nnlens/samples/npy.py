"""NumPy's .npy format: images alone, mapped into memory; and what `npz` needs of it.

The format is a magic number, two bytes of version, the length of a header, the header (a Python literal that names
type, order and shape), then the numbers. Everything that the header claims is checked before memory is asked for.
"""

from __future__ import annotations

import io
import math
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples

MAGIC = b"\x93NUMPY"
CHANNELS = (1, 3)
LONGEST_HEADER = 1 << 16
"""Bytes of a header: NumPy takes 10,000, and a header that claims to be of gigabytes is not read that far."""
HEADER_ERRORS = (
    EOFError,
    MemoryError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
)
"""What NumPy raises on damaged headers: it reads them with Python's own parser."""


@dataclass(frozen=True)
class Header:
    """What a .npy file says of itself.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    order : {"C", "F"}
    start : int
        Bytes before the numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    start: int

    @property
    def end(self) -> int:
        """Bytes that the whole file must have."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, split: str, name: str) -> Samples:
    """Map the images of a .npy file into memory; they have no labels.

    Raises
    ------
    SamplesError
        If the file is damaged or holds something else.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            header = read_header(stream, path.name)
        check_size(header, size, path.name)
        check_images(header, path.name)
        images = np.memmap(path, header.dtype, "r", header.start, header.shape, header.order)
    except (OSError, ValueError) as error:
        raise SamplesError(
            f"{path.name} cannot be read.", "Check its permissions, or save it again."
        ) from error
    return Samples(images, split=split, name=name)


def read_header(stream: IO[bytes], what: str) -> Header:
    """Read the header at the beginning of a stream; `what` names the file in errors.

    Raises
    ------
    SamplesError
        If it is none, or of pickled objects, which are never read.
    """
    try:
        beginning = io.BytesIO(stream.read(LONGEST_HEADER))
        version = npy_format.read_magic(beginning)
        read = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(beginning)
        start = beginning.tell()
    except (*HEADER_ERRORS, KeyError) as error:
        raise SamplesError(
            f"{what} cannot be read: it does not begin as a .npy file does.", "Save it again with np.save."
        ) from error
    if dtype.hasobject:
        raise SamplesError(
            f"{what} cannot be read: it holds pickled Python objects, which could run code.",
            "Save plain numbers of one shape, as with np.stack(images).astype('uint8').",
        )
    if any(size < 0 for size in shape):
        raise SamplesError(
            f"{what} cannot be read: it claims the shape {shape}.", "Save it again with np.save."
        )
    return Header(shape, dtype, "F" if fortran else "C", start)


def check_size(header: Header, size: int, what: str) -> None:
    """Refuse a file that is shorter or longer than its header says.

    Raises
    ------
    SamplesError
        If it is.
    """
    if size != header.end:
        raise SamplesError(
            f"{what} cannot be read: it has {size:,} bytes where its header says {header.end:,}.",
            "It may be cut off: copy or save it again.",
        )


def check_images(header: Header, what: str) -> None:
    """Refuse what are no images (sample, y, x) or (sample, y, x, channel) of uint8, and say how to mend it.

    Raises
    ------
    SamplesError
        If they are none.
    """
    trouble = _wrong_axes(header.shape) or _wrong_type(header.dtype)
    if trouble:
        message, hint = trouble
        raise SamplesError(f"{what} {message}.", hint)


def _wrong_axes(shape: tuple[int, ...]) -> tuple[str, str] | None:
    """Tell what is wrong with the axes, and what to do."""
    if 0 in shape:
        return f"has no images: its shape is {shape}", "Save at least one."
    if len(shape) == 2:
        return f"has flat rows, of shape {shape}, and no images", "Save images.reshape(-1, y, x)."
    if len(shape) not in (3, 4):
        return f"has {len(shape)} axes", "Images have the axes (sample, y, x) or (sample, y, x, channel)."
    if len(shape) == 3:
        if shape[2] in (3, 4) and min(shape[:2]) >= 8:
            return f"has the shape {shape} of one picture (y, x, channel)", "Save it as images[None]."
        return None
    if shape[3] in CHANNELS:
        return None
    if shape[1] in CHANNELS:
        return (
            f"has the axes (sample, channel, y, x): its shape is {shape}",
            "Save images.transpose(0, 2, 3, 1), so that channels come last.",
        )
    if shape[2] in CHANNELS:
        return (
            f"has the axes (y, x, channel, sample): its shape is {shape}",
            "Save images.transpose(3, 0, 1, 2), so that samples come first and channels last.",
        )
    return (
        f"has {shape[3]} channels, and images have 1 (grey) or 3 (RGB)",
        "Save images[..., :3]." if shape[3] == 4 else "Convert them to RGB.",
    )


def _wrong_type(dtype: np.dtype[Any]) -> tuple[str, str] | None:
    """Tell what is wrong with the numbers, and what to do."""
    if dtype == np.uint8:
        return None
    message = f"holds {dtype.name if dtype.names is None else 'records'} where pixels are uint8 from 0 to 255"
    if dtype.kind == "f":
        return (
            message,
            "Save (255 * images).round().astype('uint8') where they reach 1, else images.round().astype('uint8').",
        )
    if dtype.kind == "b":
        return message, "Save images.astype('uint8') * 255."
    return message, "Where all values are 0 to 255, save images.astype('uint8')."
