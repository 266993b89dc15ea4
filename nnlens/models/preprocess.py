"""How images become the inputs of a network: explicit, stored with the run, the same for every framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.errors import ModelError

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

Fit = Literal["stretch", "crop", "pad"]
Order = Literal["RGB", "BGR", "grey"]
Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Numbers = float | Sequence[float]
LATER = {"share": 1.0, "code": ""}
"""Settings that came later, with the value that stands for their absence."""


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes an input: ``(x · scale − mean) / std`` after resizing.

    A wrong one is the commonest silent error in this field: a LeNet scores .9904 on stretched and .9838 on padded
    digits.

    Parameters
    ----------
    size : int or (int, int)
        Side, or height and width, of the network's input in pixels.
    fit : {"stretch", "crop", "pad"}
        Stretch to the size; or keep the proportions and cut the longer side; or keep them and pad with zeros.
        Where the image already has the size nothing happens. By "pad" a smaller image is padded, not enlarged.
    resample : {"nearest", "bilinear", "bicubic", "lanczos"}
        Interpolation.
    scale : float
        Factor on 0–255 values.
    mean, std : float or sequence of float
        One number, or one for each channel in the network's order.
    order : {"RGB", "BGR", "grey"}
        Channels that the network expects.
    share : float
        With "crop", how much of the shorter side stays: .875 for the middle 224 pixels of 256.
    code : str
        Where the architecture's own code makes inputs of images, its SHA-256: then only size and channels are true
        here, and only the model can make inputs.

    Raises
    ------
    ModelError
        If a value cannot be used.
    """

    size: int | tuple[int, int]
    fit: Fit = "stretch"
    resample: Resample = "bilinear"
    scale: float = 1 / 255
    mean: Numbers = 0
    std: Numbers = 1
    order: Order = "RGB"
    share: float = 1.0
    code: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _size(self.size))
        for name in ("mean", "std"):
            object.__setattr__(self, name, _numbers(getattr(self, name), name, self.channels))
        for name, kind in (("fit", Fit), ("order", Order), ("resample", Resample)):
            if getattr(self, name) not in get_args(kind):
                raise ModelError(
                    f"{name} cannot be {getattr(self, name)!r}.", f"It is one of {', '.join(get_args(kind))}."
                )
        scale: Any = self.scale
        if not (isinstance(scale, Real) and np.isfinite(float(scale)) and float(scale) > 0):
            raise ModelError(f"scale cannot be {self.scale!r}.", "It is a positive number, such as 1/255.")
        share: Any = self.share
        if not (isinstance(share, Real) and 0 < float(share) <= 1):
            raise ModelError(f"share cannot be {self.share!r}.", "It is more than 0 and at most 1.")
        if np.any(np.asarray(self.std) <= 0):
            raise ModelError(
                f"std cannot be {self.std}.", "Every channel is divided by it: give positive numbers."
            )

    @property
    def height(self) -> int:
        """Height of the input in pixels."""
        return self.size[0] if isinstance(self.size, tuple) else self.size

    @property
    def width(self) -> int:
        """Width of the input in pixels."""
        return self.size[1] if isinstance(self.size, tuple) else self.size

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return 1 if self.order == "grey" else 3

    @property
    def words(self) -> str:
        """The whole in words, for notes."""
        if self.code:
            return f"{self.height}×{self.width} pixels by the architecture's own code"
        part = f" of {self.share:.4g}" if self.fit == "crop" and self.share != 1 else ""
        return (
            f"{self.height}×{self.width} pixels by {self.fit}{part}, {self.resample}, scale {self.scale:.4g}, "
            f"mean {_short(self.mean)}, std {_short(self.std)}, {self.order}"
        )

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Turn images into inputs.

        Parameters
        ----------
        images : ndarray, dims (sample, y, x, channel), uint8; or a list of ndarray, dims (y, x, channel)
            One (grey) or three (RGB) channels; in a list they may differ in size.

        Returns
        -------
        ndarray, dims (sample, channel, y, x), float32
            In the network's own units, contiguous.

        Raises
        ------
        ModelError
            If the array is not of that kind.
        """
        if self.code:
            raise ModelError(
                "Images become inputs by the architecture's own code, which is not here.",
                "Use model.prepare, or give another preprocessing (--size on the command line).",
            )
        pixels = self._ordered(self.place(images))
        mean, std = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (self.mean, self.std))
        inputs = np.multiply(pixels.transpose(0, 3, 1, 2), np.float32(self.scale), order="C")
        inputs -= mean
        inputs /= std
        return inputs

    def place(self, images: Images) -> NDArray[np.uint8]:
        """Bring images to the size and the channels of the network, without scaling their values.

        Parameters
        ----------
        images : ndarray, dims (sample, y, x, channel), uint8; or a list of ndarray, dims (y, x, channel)

        Returns
        -------
        ndarray, dims (sample, y, x, channel), uint8
            Grey or RGB; to place it once more changes nothing.

        Raises
        ------
        ModelError
            If the array is not of that kind.
        """
        return self._gathered(images) if isinstance(images, list) else self._batch(images)

    def _batch(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] not in (1, 3):
            raise ModelError(
                f"Images must be uint8 (sample, y, x, channel) of 1 or 3 channels, not {images.dtype} {images.shape}.",
                "Open them with load_samples.",
            )
        return self._resized(_colored(images, self.channels))

    def _gathered(self, images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Bring images of several sizes to one."""
        shape = (self.height, self.width, self.channels)
        return np.concatenate(
            [np.empty((0, *shape), np.uint8), *(self._batch(each[None]) for each in images)]
        )

    def _ordered(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return pixels[..., ::-1] if self.order == "BGR" else pixels

    def _resized(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if images.shape[1:3] == (self.height, self.width):
            return images
        out = np.zeros((len(images), self.height, self.width, images.shape[3]), np.uint8)
        for image, target in zip(images, out, strict=True):
            self._place(image, target)
        return out

    def _place(self, image: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
        """Write one image into a black one of the network's size."""
        (y, x), (height, width) = image.shape[:2], target.shape[:2]
        if self.fit == "stretch":
            target[:] = self._scaled(image, height, width)
            return
        ratios = height / y, width / x
        factor = max(ratios) / self.share if self.fit == "crop" else min(1.0, *ratios)
        scaled = self._scaled(image, max(1, round(y * factor)), max(1, round(x * factor)))
        (top, high, tall), (left, low, wide) = (
            _centered(inner, outer) for inner, outer in zip(scaled.shape[:2], (height, width), strict=True)
        )
        target[top : top + tall, left : left + wide] = scaled[high : high + tall, low : low + wide]

    def _scaled(self, image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        if image.shape[:2] == (height, width):
            return image
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        scaled = picture.resize((width, height), Image.Resampling[self.resample.upper()])
        return np.asarray(scaled).reshape(height, width, image.shape[2])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is as it was before there was a choice is left out, as in older runs."""
        return {name: value for name, value in asdict(self).items() if LATER.get(name) != value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocess:
        """Rebuild from `to_dict`.

        Raises
        ------
        ModelError
            If a key or a value is not one of a Preprocess.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise ModelError(
                f"This is no preprocessing: {error}.", "Its names are those of Preprocess."
            ) from error


def _size(size: Any) -> int | tuple[int, int]:
    """Check a size; JSON turns a pair into a list."""
    sides = tuple(size) if isinstance(size, Sequence) and not isinstance(size, str) else (size,)
    whole = all(
        isinstance(side, int | np.integer) and not isinstance(side, bool) and side > 0 for side in sides
    )
    if not whole or len(sides) > 2:
        raise ModelError(f"size cannot be {size!r}.", "It is a side in pixels, or a height and a width.")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def _numbers(value: Any, name: str, channels: int) -> float | tuple[float, ...]:
    try:
        numbers = np.atleast_1d(np.asarray(value, float)) if not isinstance(value, str) else np.empty(0)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape not in ((1,), (channels,)) or not np.isfinite(numbers).all():
        hint = "It is one number." if channels == 1 else f"It is one number, or {channels}: one a channel."
        raise ModelError(f"{name} cannot be {value!r}.", hint)
    return float(numbers[0]) if len(numbers) == 1 else tuple(map(float, numbers))


def _short(value: Numbers) -> str:
    return ",".join(f"{number:.4g}" for number in np.atleast_1d(value))


def _colored(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Repeat grey to RGB, or weigh RGB to grey as ITU-R 601 does, rounded as Pillow rounds."""
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=3)
    weights = np.array([19595, 38470, 7471], np.uint32)
    return ((images.astype(np.uint32) @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]


def _centered(inner: int, outer: int) -> tuple[int, int, int]:
    """Return where a centered span lies: start in the outer, start in the inner, length.

    A cut that cannot be in the very middle is rounded as torchvision rounds it, so that pixels are the same.
    """
    return max(0, (outer - inner) // 2), max(0, round((inner - outer) / 2)), min(inner, outer)
