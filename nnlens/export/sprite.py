"""All thumbnails on one sheet, as the Embedding Projector cuts it: a square grid, row by row, at most 8,192 pixels."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST = 8192
"""Pixels a side beyond which the page refuses a sheet."""
SMALLEST = 8
"""Pixels a side of a picture below which nothing can be told apart."""
READ = 512

Images = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
"""Ids to images, dims (sample, y, x, channel)."""


def grid(samples: int) -> int:
    """Return how many rows, and as many columns, hold so many pictures."""
    return max(math.isqrt(max(samples, 1) - 1) + 1, 1)


def thumbnail_size(samples: int, height: int, width: int, largest: int) -> tuple[int, int]:
    """Return height and width of a thumbnail: never more than the picture's own, than `largest`, than there is room."""
    room = min(largest, LARGEST // grid(samples))
    side = max(height, width)
    if side <= room:
        return height, width
    return max(1, height * room // side), max(1, width * room // side)


def sheet(
    ids: NDArray[np.int64], images: Images, size: tuple[int, int], tick: Callable[[float, float], None]
) -> NDArray[np.uint8]:
    """Lay out thumbnails in the order of `ids`, dims (y, x) or (y, x, channel); the places left over are black."""
    side, (height, width) = grid(len(ids)), size
    first = images(ids[:1])
    grey = first.shape[-1] == 1
    pages = np.zeros((side, height, side, width, 1 if grey else 3), np.uint8)
    for start in range(0, len(ids), READ):
        tick(start, len(ids))
        for place, image in enumerate(images(ids[start : start + READ]), start):
            row, column = divmod(place, side)
            pages[row, :, column] = _shrunk(image, height, width)
    whole = pages.reshape(side * height, side * width, -1)
    return whole[..., 0] if grey else whole


def _shrunk(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return an image in another size, dims (y, x, channel)."""
    image = image[..., :3] if image.shape[-1] in (1, 3, 4) else image[..., :1].repeat(3, axis=-1)
    if image.shape[:2] == (height, width):
        return image
    flat = image[..., 0] if image.shape[-1] == 1 else image
    small = Image.fromarray(flat).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small).reshape(height, width, image.shape[-1])


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a sheet as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
