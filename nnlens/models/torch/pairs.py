"""Networks of torch that come with the code that makes their inputs: files with ``get_model_and_input(image)``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from nnlens.errors import ModelError
from nnlens.models.architecture import PAIR_HINT, Pair, first_line
from nnlens.models.base import Float
from nnlens.models.preprocess import Preprocess
from nnlens.models.spec import FUNCTION
from nnlens.models.torch.state import evaluating

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

Mode = Literal["RGB", "L"]
SIDE = 256
"""Pixels of the picture by which the network is found: more than most networks cut away."""
SLOW = 0.02
"""Seconds for an image from which on it is said that this takes long."""


@dataclass(frozen=True)
class OwnInput:
    """Makes inputs by a function of the user's.

    Attributes
    ----------
    pair : Pair
    mode : {"RGB", "L"}
        Of the pictures that it takes.
    shape : tuple of int
        (channel, y, x) of its inputs.
    """

    pair: Pair
    mode: Mode
    shape: tuple[int, ...]

    def __call__(self, images: Images) -> Float:
        """Make inputs (sample, channel, y, x) of images, one after the other.

        Raises
        ------
        ModelError
            If the function fails, or gives another shape.
        """
        inputs = np.empty((len(images), *self.shape), np.float32)
        for image, target in zip(images, inputs, strict=True):
            found = input_array(self.pair(picture(image, self.mode))[1])
            if found.shape != self.shape:
                raise ModelError(
                    f"{FUNCTION} gives inputs of the shapes {self.shape} and {found.shape}.", PAIR_HINT
                )
            target[:] = found
        return inputs

    @property
    def preprocess(self) -> Preprocess:
        """The size and channels of its inputs, with what tells its code from another."""
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise ModelError(
                f"{FUNCTION} gives inputs of {channels} channels.", "One or three can be opened."
            )
        size = height if height == width else (height, width)
        return Preprocess(size, order="grey" if channels == 1 else "RGB", code=self.pair.code)


def open_pair(pair: Pair) -> tuple[nn.Module, OwnInput, tuple[str, ...]]:
    """Call the function with a picture; a network that cannot take its colors gets a grey one.

    Returns
    -------
    network : Module
    own : OwnInput
    notes : tuple of str

    Raises
    ------
    ModelError
        If it fails, or gives something else.
    """
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    modes: tuple[Mode, Mode] = ("RGB", "L")
    failed: list[ModelError] = []
    for mode in modes:
        started = time.perf_counter()
        try:
            network, given = pair(picture(noise, mode))
            seconds = time.perf_counter() - started
            own = OwnInput(pair, mode, _tried(network, given))
        except ModelError as error:
            failed.append(error)
        else:
            return network, own, _notes(mode, seconds)
    raise failed[0]


def _tried(network: Any, given: Any) -> tuple[int, ...]:
    """Run a network once on its own input; returns the input's shape."""
    if not isinstance(network, nn.Module):
        raise ModelError(f"{FUNCTION} returns {type(network).__name__}, not a torch.nn.Module.", PAIR_HINT)
    array = input_array(given)
    first = next((each for each in network.parameters() if each.is_floating_point()), torch.zeros(0))
    try:
        with torch.inference_mode(), evaluating(network.modules()):
            network(torch.from_numpy(array[None]).to(first))
    except Exception as error:
        raise ModelError(
            f"The network does not take the input of {FUNCTION}, {tuple(array.shape)}: {first_line(error)}",
            PAIR_HINT,
        ) from error
    return tuple(array.shape)


def _notes(mode: Mode, seconds: float) -> tuple[str, ...]:
    notes = [f"How images become inputs is decided by the architecture's own code, {FUNCTION}."]
    if mode == "L":
        notes.append("It gets grey pictures: the network takes none in color.")
    if seconds > SLOW:
        notes.append(
            f"{FUNCTION} builds the network anew for each image, {seconds:.2g} s each: keep it outside of the function."
        )
    return tuple(notes)


def input_array(given: Any) -> Float:
    """Return the one input (channel, y, x) that a function gave, with or without a dimension for the sample."""
    array: NDArray[Any] = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.number):
        raise ModelError(f"{FUNCTION} gives an input of the shape {array.shape}.", PAIR_HINT)
    return np.ascontiguousarray(array, np.float32)


def picture(image: NDArray[np.uint8], mode: Mode) -> Image.Image:
    """Return an image (y, x, channel) as PIL has it."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert(mode)
