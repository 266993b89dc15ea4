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


def data_url(image: NDArray[np.uint8]) -> str:
    """Write an image into an address, for pages whose server has no route for pictures."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()
