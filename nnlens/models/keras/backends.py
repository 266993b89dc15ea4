"""What runs a `Program`: TensorFlow or torch, whichever Keras was told to use."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nnlens.models.keras.program import Program
    from nnlens.rules import Rule

VARIABLE = "KERAS_BACKEND"
KNOWN = ("tensorflow", "torch")

GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"

Array = NDArray[np.float32]
SeedFunction = Callable[[list[Array]], Array]
ABSORBED_SLOT = -2
"""Stands among slots for what `nnlens.rules.Rule.absorbing` kept."""


class Backend(Protocol):
    """Runs a program with arrays in and out, laid out as Keras has them."""

    def forward(
        self, image: Array, slots: Sequence[int], means: Sequence[int], space: tuple[int, int]
    ) -> list[Array]:
        """Return the values of slots, then the means over the axes of space of others."""

    def vjp(
        self, image: Array, start: int, wrt: Sequence[int], keep: Sequence[int], seed: SeedFunction
    ) -> tuple[list[Array], list[Array | None]]:
        """Return the values of `keep` and the gradients at `wrt`, None where none arrives.

        `seed` gets the values of `keep` between the forward and the backward pass.
        """

    def ruled(
        self,
        image: Array,
        start: int,
        wrt: Sequence[int],
        keep: Sequence[int],
        seed: SeedFunction,
        rule: Rule,
    ) -> tuple[list[Array], list[Array | None], tuple[str, ...]]:
        """Do the same by a backward rule; also return where it passed the plain gradient (`Pass.plain_at`)."""


def choose() -> None:
    """Let Keras run on torch where it was told nothing and TensorFlow is not installed; else it cannot be imported."""
    if "keras" in sys.modules or VARIABLE in os.environ:
        return
    if importlib.util.find_spec("tensorflow") is None and importlib.util.find_spec("torch") is not None:
        os.environ[VARIABLE] = "torch"


def share_gpu() -> None:
    """Let TensorFlow take the memory of a GPU as it needs it, where nobody said otherwise: by itself it takes all."""
    os.environ.setdefault(GROWTH, "true")


def make(name: str, program: Program, shape: tuple[int, ...], layers: Sequence[str]) -> Backend:
    """Return what runs a program, whose steps have names, on images of a shape, by Keras' name of the backend."""
    if name == "torch":
        from nnlens.models.keras.torch_backend import TorchBackend

        return TorchBackend(program, layers)
    from nnlens.models.keras.tf_backend import TensorFlowBackend

    return TensorFlowBackend(program, shape, layers)
