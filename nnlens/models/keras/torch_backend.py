"""Running a `Program` on torch, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch

from nnlens.models.keras.backends import ABSORBED_SLOT, Array, SeedFunction
from nnlens.models.keras.graph import IMAGE
from nnlens.models.keras.program import Program
from nnlens.models.keras.ruling import Ruling
from nnlens.models.keras.torch_rules import ENGINE
from nnlens.rules import Rule


class TorchBackend:
    """Runs a program with arrays in and out, laid out as Keras has them; see `nnlens.models.keras.backends.Backend`.

    Parameters
    ----------
    program : Program
    layers : sequence of str
        Names of the program's steps.
    """

    def __init__(self, program: Program, layers: Sequence[str]) -> None:
        self._program, self._layers = program, layers

    def forward(
        self, image: Array, slots: Sequence[int], means: Sequence[int], space: tuple[int, int]
    ) -> list[Array]:
        """Return the values of slots, then the means over the axes of space of others."""
        with torch.no_grad():
            values = self._program.run(_tensor(image))
            pooled = [keras.ops.mean(_float(values[slot]), axis=space) for slot in means]
            return [_array(value) for value in [*(values[slot] for slot in slots), *pooled]]

    def vjp(
        self, image: Array, start: int, wrt: Sequence[int], keep: Sequence[int], seed: SeedFunction
    ) -> tuple[list[Array], list[Array | None]]:
        """Return the values of `keep` and the gradients at `wrt`, None where none arrives."""
        with torch.inference_mode(False), torch.enable_grad():
            tensor = _tensor(image).requires_grad_(IMAGE in wrt)
            values = self._program.run(tensor, lambda slot, value: _watch(value) if slot in wrt else None)
            kept = [_array(values[slot]) for slot in keep]
            return kept, _gradients(values, start, wrt, seed(kept))

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
        with torch.inference_mode(False), torch.enable_grad():
            tensor = _tensor(image).requires_grad_()
            tap = tensor.new_zeros(len(tensor), requires_grad=True) if ABSORBED_SLOT in wrt else None
            ruling = Ruling(rule, ENGINE, self._program.steps, self._layers, self._program.output, tap)
            with ruling.active():
                values = self._program.run(tensor, call=ruling.call) | {ABSORBED_SLOT: tap}
            kept = [_array(values[slot]) for slot in keep]
            ruling.look_into(values[start])
            return kept, _gradients(values, start, wrt, seed(kept)), ruling.plain_at


def _gradients(values: Mapping[int, Any], start: int, wrt: Sequence[int], seed: Array) -> list[Array | None]:
    target = values[start]
    gradient = _tensor(seed).reshape(target.shape).to(target)
    # where a layer gives back what it got, two slots hold one tensor, which may be asked for once
    ends = {id(values[slot]): values[slot] for slot in wrt if values[slot].requires_grad}
    found: dict[int, Any] = {}
    if ends and target.requires_grad:
        gradients = torch.autograd.grad([target], [*ends.values()], [gradient], allow_unused=True)
        found = dict(zip(ends, gradients, strict=True))
    arrived = [found.get(id(values[slot])) for slot in wrt]
    return [None if one is None else _array(one) for one in arrived]


def _watch(value: Any) -> None:
    """Let gradients come to a value before which nothing takes any."""
    if value.is_floating_point() and not value.requires_grad:
        value.requires_grad_(True)


def _tensor(array: Array) -> Any:
    """Return a tensor of its own on the device that Keras uses."""
    return keras.ops.convert_to_tensor(np.array(array, np.float32))


def _float(value: Any) -> Any:
    return keras.ops.cast(value, "float32")


def _array(value: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(_float(value)))
