"""Where the pixels of samples come from: an array in memory, or files that are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError

if TYPE_CHECKING:
    from hashlib import _Hash

Images = NDArray[np.uint8] | list[NDArray[np.uint8]]
"""Images of one size, dims (sample, y, x, channel); of several sizes a list, dims (y, x, channel) each."""
Positions = slice | Sequence[int] | NDArray[np.integer[Any]]


class Pixels(Protocol):
    """Images by position.

    Attributes
    ----------
    image_shape : tuple of int or None
        (y, x, channel) that all have; None where they differ.
    channels : int
        1 (grey) or 3 (RGB).
    paths : tuple of str or None
        The file of each, below the data set's folder.
    broken : dict of str to str
        File → what is wrong with it, in a few words.
    """

    image_shape: tuple[int, int, int] | None
    channels: int
    paths: tuple[str, ...] | None
    broken: dict[str, str]

    def __len__(self) -> int:
        """Return how many there are."""

    def read(self, positions: Positions) -> Images:
        """Return images by position."""

    def part(self, part: Positions) -> Pixels:
        """Return some of them."""

    def update(self, digest: _Hash) -> None:
        """Add what tells these images from others to a digest."""


class ArrayPixels:
    """Images of one size in memory.

    Parameters
    ----------
    images : ndarray, dims (sample, y, x) or (sample, y, x, channel), uint8

    Raises
    ------
    SamplesError
        If shape or type is another.
    """

    def __init__(self, images: NDArray[Any]) -> None:
        self._array = checked_images(images)
        y, x, channel = self._array.shape[1:]
        self.image_shape: tuple[int, int, int] | None = (y, x, channel)
        self.channels: int = channel
        self.broken: dict[str, str] = {}
        self.paths: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._array)

    def read(self, positions: Positions) -> NDArray[np.uint8]:
        """Return images by position; a slice gives a view, which must not be written to."""
        return self._array[positions]

    def part(self, part: Positions) -> ArrayPixels:
        """Return some of them; a slice without a copy."""
        return ArrayPixels(self._array[part])

    def update(self, digest: _Hash) -> None:
        """Add all pixels to a digest."""
        digest.update(f"{self._array.dtype.str}{self._array.shape}".encode())
        digest.update(np.ascontiguousarray(self._array).data)


class ListPixels:
    """Images of several sizes in memory.

    Parameters
    ----------
    images : sequence of ndarray, dims (y, x, channel), uint8
        Grey and RGB; where there are both, all become RGB.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self.channels: int = max(image.shape[2] for image in images)
        self._images = [in_channels(image, self.channels) for image in images]
        self.image_shape: tuple[int, int, int] | None = None
        self.broken: dict[str, str] = {}
        self.paths: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._images)

    def read(self, positions: Positions) -> list[NDArray[np.uint8]]:
        """Return images by position."""
        return [self._images[place] for place in np.atleast_1d(np.arange(len(self))[positions])]

    def part(self, part: Positions) -> ListPixels:
        """Return some of them, without a copy."""
        found = ListPixels(self.read(part))
        found.channels = self.channels
        return found

    def update(self, digest: _Hash) -> None:
        """Add all pixels to a digest."""
        for image in self._images:
            digest.update(f"{image.shape}".encode())
            digest.update(np.ascontiguousarray(image).data)


def in_channels(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return an image (y, x, channel) in so many channels: grey ones become RGB."""
    return image if image.shape[2] == channels else np.repeat(image, channels, axis=2)


def checked_images(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images with all four dimensions.

    Raises
    ------
    SamplesError
        If they are none.
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4:
        raise SamplesError(
            f"Images must have the dimensions (sample, y, x) or (sample, y, x, channel), not {images.ndim} of them.",
            "One image alone needs a first dimension of 1.",
        )
    if images.dtype != np.uint8:
        raise SamplesError(
            f"Images must be uint8 from 0 to 255, not {images.dtype}.",
            "Undo the scaling first, as with (255 * images).round().astype('uint8').",
        )
    if 0 in images.shape:
        raise SamplesError(f"There are no images in an array of shape {images.shape}.", "Give at least one.")
    if images.shape[3] not in (1, 3):
        raise SamplesError(
            f"Images have 1 (grey) or 3 (RGB) channels in the last dimension, not {images.shape[3]}.",
            "Move the channels last." if images.shape[1] in (1, 3) else "Convert them to RGB.",
        )
    return images
