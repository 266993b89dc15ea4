"""From what a data set gives, pictures, arrays or tensors of any framework, to uint8 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.errors import SamplesError
from nnlens.samples.decoding import GREY, eight_bits

CHANNELS = (1, 3)
NORMALIZED = (
    "Leave Normalize and other scaling out of the transform: nnlens applies them itself, from Preprocess."
)


def is_picture(value: object) -> bool:
    """Whether a value is a picture of Pillow."""
    return isinstance(value, Image.Image)


def as_array(value: Any) -> NDArray[Any]:
    """Return a picture, a tensor of any framework or nested lists as an array.

    Raises
    ------
    SamplesError
        If it is none.
    """
    if is_picture(value):
        return np.asarray(eight_bits(value).convert("L" if value.mode in GREY else "RGB"))
    for step in ("detach", "cpu", "numpy"):  # what torch and TensorFlow need, in this order
        if not isinstance(value, np.ndarray) and hasattr(value, step):
            value = getattr(value, step)()
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise SamplesError("A sample holds lists of different lengths.", "Give arrays.") from error
    if array.dtype == object:
        raise SamplesError(
            f"A sample holds a {type(value).__name__} where a picture should be.", "Give (image, label)."
        )
    return array


def is_batch(image: Any, label: Any) -> bool:
    """Tell whether an item of a data set is a batch or one sample.

    Raises
    ------
    SamplesError
        If it may be either.
    """
    if is_picture(image):
        return False
    if isinstance(image, list | tuple) and image and not isinstance(image[0], int | float | list | tuple):
        return True
    shape = as_array(image).shape
    if len(shape) != 3:
        return len(shape) > 3
    colored = shape[0] in CHANNELS or shape[2] in CHANNELS
    if label is None:
        return not colored
    labels = as_array(label).shape
    if not labels or labels[0] != shape[0] or labels == (1,):  # of one there is no difference
        return False
    if colored and len(labels) == 1:
        raise SamplesError(
            f"Images of shape {shape} with {labels[0]} labels are one sample or a batch, nobody knows.",
            "Give images all four axes: (sample, y, x, channel).",
        )
    return True


class Forms:
    """What is known of the values of one data set, so that all of it is read alike.

    Attributes
    ----------
    channels_first : bool or None
        None until a picture tells.
    range : {"unit", "bytes"} or None
        Whether floats go up to 1 or to 255; None until a picture tells.
    """

    def __init__(self) -> None:
        self.channels_first: bool | None = None
        self.range: str | None = None

    def batch(self, images: Any) -> list[NDArray[np.uint8]]:
        """Return the pixels of a batch, dims (y, x, channel) each.

        Raises
        ------
        SamplesError
            If they are no images, or were normalized.
        """
        if isinstance(images, list | tuple) and images and not isinstance(images[0], int | float):
            return [self.single(image) for image in images]
        return list(self._pixels(as_array(images)))

    def single(self, image: Any) -> NDArray[np.uint8]:
        """Return the pixels of one image, dims (y, x, channel); errors as in `batch`."""
        return self._pixels(as_array(image)[None])[0]

    def _pixels(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Return pixels (sample, y, x, channel) of (sample, y, x) or with channels first or last."""
        if images.ndim == 3:
            images = images[..., None]
        elif images.ndim != 4:
            raise SamplesError(
                f"An image of shape {images.shape[1:]} has {images.ndim - 1} axes.",
                "Images are (y, x), (y, x, channel) or (channel, y, x).",
            )
        elif self._are_first(images.shape[1:]):
            images = images.transpose(0, 2, 3, 1)
        if 0 in images.shape[1:]:
            raise SamplesError(f"An image of shape {images.shape[1:]} has no pixels.", "Leave it out.")
        return np.ascontiguousarray(self._bytes(images))

    def _are_first(self, shape: tuple[int, ...]) -> bool:
        first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
        if not (first or last):
            many = 4 in (shape[0], shape[2])
            raise SamplesError(
                f"An image of shape {shape} has no axis of 1 (grey) or 3 (RGB) channels.",
                "Leave transparency out, as with images[..., :3]." if many else "Convert it to RGB.",
            )
        if first and last:
            if self.channels_first is None:
                raise SamplesError(
                    f"An image of shape {shape} may have its channels first or last.",
                    "Give uint8 arrays with all four axes (sample, y, x, channel).",
                )
            return self.channels_first
        if self.channels_first not in (None, first):
            raise SamplesError(
                f"An image has the shape {shape}, and earlier ones have their channels "
                f"{'first' if self.channels_first else 'last'}.",
                "Give all the same axes.",
            )
        self.channels_first = first
        return first

    def _bytes(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        if images.dtype == np.uint8:
            return images
        if images.dtype == np.bool_:
            return images.astype(np.uint8) * np.uint8(255)
        if images.dtype.kind in "iu":
            if images.size and (images.min() < 0 or images.max() > 255):
                raise SamplesError(
                    f"Pixels go from {images.min()} to {images.max()} where they are 0 to 255.",
                    "Keep the upper eight bits of deep images: (images >> 8).astype('uint8').",
                )
            return images.astype(np.uint8)
        return self._from_floats(images)

    def _from_floats(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        if images.dtype.kind != "f":
            raise SamplesError(f"Images of {images.dtype} are none.", "Give uint8 from 0 to 255.")
        # k/255 and k·(1/255), rounded, lie within this; doubles mostly come from single floats
        near = 255 * max(float(np.finfo(kind).eps) for kind in (images.dtype, np.float32))
        values = images.astype(np.float64)
        low, high = values.min(initial=0), values.max(initial=0)
        if not (low >= 0 and high <= 255):  # also NaN
            raise SamplesError(f"Pixels go from {low:.3g} to {high:.3g}: they were normalized.", NORMALIZED)
        if high > 1 and self.range == "unit":
            raise SamplesError(
                f"A pixel is {high:.6g}, and earlier images go up to 1: they were normalized, or of two kinds.",
                NORMALIZED,
            )
        if high > 0 and self.range is None:
            self.range = "bytes" if high > 1 else "unit"
        scaled = values if self.range == "bytes" else values * 255
        rounded = np.rint(scaled)
        if np.abs(scaled - rounded).max(initial=0) > (0 if self.range == "bytes" else near):
            raise SamplesError(
                "Pixels lie between the 256 levels of an image: they were normalized, or resized in floats.",
                f"{NORMALIZED} After resizing, round to uint8, or give the files themselves.",
            )
        return rounded.astype(np.uint8)
