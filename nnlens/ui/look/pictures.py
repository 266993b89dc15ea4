"""Pictures as bytes: one sample as PNG, for routes and for pages without any."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(image: NDArray[np.uint8]) -> bytes:
    """Encode an image, dims (y, x, channel) of 1 or 3 channels or (y, x), as PNG.

    Compression is light: at 28 × 28 the headers outweigh the pixels, and a page waits for it.
    """
    pixels: NDArray[Any] = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


LOSSLESS = 1 << 20
"""Pixels up to which a picture is sent as it is; beyond, it would take longer to send than to look at."""


def encoded(image: NDArray[np.uint8]) -> tuple[bytes, str]:
    """Encode an image, dims (y, x, channel), and tell its media type: PNG, or JPEG where it is large."""
    if image.shape[0] * image.shape[1] <= LOSSLESS:
        return png(image), "image/png"
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "JPEG", quality=92)
    return buffer.getvalue(), "image/jpeg"


def data_url(image: NDArray[np.uint8]) -> str:
    """Write an image into an address, for pages whose server has no route for pictures."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()
