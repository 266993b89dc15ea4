"""The Model protocol over a Keras network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line
from nnlens.models.base import Float, ModelReference, Pass, Seed
from nnlens.models.checks import (
    NO_LOGITS,
    checked_inputs,
    checked_seed,
    find_layers,
    no_gradient,
    positions_of,
    unknown_layer,
)
from nnlens.models.keras import backends
from nnlens.models.keras.drawing import drawn_anew
from nnlens.models.keras.graph import IMAGE, chosen_output, functional, hidden_layer, layer_infos
from nnlens.models.keras.program import LOGITS_SLOT, Program
from nnlens.models.preprocess import Preprocess
from nnlens.rules import ABSORBED, PLAIN, Rule, find_rule
from nnlens.schema import INPUT, LOGITS

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images

SEVERAL_OUTPUTS = (
    "The network has {count} outputs: {name!r} is taken for the classes', the others can be captured."
)
ONE_OUTPUT = (
    "The network has a single output, so every sample is predicted as class 0: accuracy says nothing."
)
NOISE = 2
"""Samples of noise by which shapes and logits are found out."""


class KerasModel:
    """A Keras classifier. The attributes are those of `nnlens.models.base.Model`.

    Parameters
    ----------
    model : keras.Model
        The network; every call leaves it as it was.
    preprocess : Preprocess
    name : str
    reference : ModelReference, optional
    notes : sequence of str
        What was done on opening, for the user.

    Raises
    ------
    ModelError
        If the network is no graph of layers, or cannot be run on such inputs.
    """

    framework: Literal["keras"] = "keras"

    def __init__(
        self,
        model: Any,
        preprocess: Preprocess,
        name: str,
        reference: ModelReference | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.preprocess = preprocess
        self.name = name
        self.reference = reference
        self._program = Program(model)
        self._layout = Layout.of(self._program, model)
        arrays = self._settle()
        shapes = {slot: self._layout.outward(array).shape[1:] for slot, array in arrays.items()}
        self.layers = layer_infos(self._program.steps, shapes)
        self.class_count = arrays[LOGITS_SLOT].shape[1]
        self.hidden_layer = hidden_layer(self._program.steps, self.layers, self._program.output)
        self.has_logits = self._program.exact
        self._given_notes = tuple(notes)
        self.notes = (*notes, *self._own_notes())
        self._positions = positions_of(self.layers)
        shape, names = arrays[IMAGE].shape[1:], [layer.name for layer in self.layers]
        self._backend = backends.make(keras.backend.backend(), self._program, shape, names)

    def __repr__(self) -> str:
        return f"<KerasModel {self.name}: {len(self.layers)} layers, {self.class_count} classes>"

    def _own_notes(self) -> Iterator[str]:
        if not self.has_logits:
            yield NO_LOGITS
        function = functional(self.model)
        if len(function.outputs) > 1:
            chosen = function.outputs[chosen_output(function)]._keras_history.operation.name
            yield SEVERAL_OUTPUTS.format(count=len(function.outputs), name=chosen)
        if self.class_count == 1:
            yield ONE_OUTPUT

    def _settle(self) -> dict[int, NDArray[Any]]:
        """Run the network once on noise of the size that it expects."""
        shape = (NOISE, self.preprocess.channels, self.preprocess.height, self.preprocess.width)
        noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        try:
            arrays = self._program.settle(self._layout.inward(noise))
        except Exception as error:
            raise ModelError(
                f"The network does not take inputs of {'×'.join(map(str, shape[1:]))}: {first_line(error)}",
                "Check size and order of the preprocessing.",
            ) from error
        if arrays[LOGITS_SLOT].ndim != 2:
            returned = ", ".join(map(str, ("sample", *arrays[LOGITS_SLOT].shape[1:])))
            raise ModelError(
                f"The network returns ({returned}), not (sample, class_).",
                "Only classifiers of whole images can be opened, not networks for segmentation or detection.",
            )
        return arrays

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the kinds of layers and the names, shapes and values of weights."""
        digest = hashlib.sha256(repr([(layer.name, layer.kind) for layer in self.layers]).encode())
        for variable, array in zip(self.model.weights, self.model.get_weights(), strict=True):
            # not the path: Keras makes another one of the same weights when it loads them
            digest.update(f"{variable.name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def prepare(self, images: Images) -> Float:
        """Turn images (sample, y, x, channel) into inputs (sample, channel, y, x)."""
        return self.preprocess(images)

    def predict(self, inputs: Float) -> Float:
        """Return logits (sample, class_)."""
        return self.activations(inputs, [LOGITS])[LOGITS]

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers after one forward pass; channels come first as a view, not as a copy."""
        del exact  # Keras has the channels last in any case
        image = checked_inputs(inputs, self.preprocess)
        slots, means = self._slots(layers), self._slots(pooled)
        arrays = self._backend.forward(
            self._layout.inward(image), list(slots.values()), list(means.values()), self._layout.space
        )
        found = self._outward(slots, arrays[: len(slots)])
        return {name: found[name] for name in layers} | dict(zip(means, arrays[len(slots) :], strict=True))

    def vjp(
        self,
        inputs: Float,
        seed: Seed,
        at: str | None = None,
        wrt: Sequence[str] = (INPUT,),
        keep: Sequence[str] = (),
        rule: str | Rule = PLAIN,
    ) -> Pass:
        """Run one forward and one backward pass; see `nnlens.models.base.Model.vjp`."""
        followed, start = find_rule(rule), LOGITS if at is None else at
        image = checked_inputs(inputs, self.preprocess)
        kept_slots, targets = self._slots((LOGITS, start, *keep)), self._slots(wrt, followed)

        def call_seed(arrays: list[Float]) -> Float:
            kept = self._outward(kept_slots, arrays)
            known = {name: kept[name] for name in (*keep, start)}
            return self._layout.inward(checked_seed(seed, kept[LOGITS], known, kept[start].shape))

        slots = kept_slots[start], list(targets.values()), list(kept_slots.values())
        plain_at: tuple[str, ...] = ()
        if followed.backward:
            arrays, gradients, plain_at = self._backend.ruled(
                self._layout.inward(image), *slots, call_seed, followed
            )
        else:
            arrays, gradients = self._backend.vjp(self._layout.inward(image), *slots, call_seed)
        for place, (name, gradient) in enumerate(zip(targets, gradients, strict=True)):
            if gradient is None and targets[name] == backends.ABSORBED_SLOT:
                gradients[place] = np.zeros(len(image), np.float32)  # no layer on the way absorbs
            elif gradient is None:
                raise no_gradient(start, name)
        kept = self._outward(kept_slots, arrays)
        found = self._outward(targets, [gradient for gradient in gradients if gradient is not None])
        return Pass(kept[LOGITS], {name: kept[name] for name in keep}, found, plain_at)

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> KerasModel:
        """Return a copy with weights drawn anew; see `nnlens.models.base.Model.randomized`."""
        operations = None if layers is None else [self._operation(name) for name in layers]
        model = drawn_anew(self.model, operations, seed)
        return KerasModel(model, self.preprocess, self.name, notes=self._given_notes)

    def _operation(self, name: str) -> Any:
        if name not in self._positions:
            raise unknown_layer(name, self._positions)
        return self._program.steps[self._positions[name]].operation

    def _outward(self, names: Iterable[str], arrays: Iterable[Float]) -> dict[str, Float]:
        """Lay out arrays as nnlens has them."""
        flat = INPUT if self._layout.flat_image else ""
        return {
            name: array[:, None] if name == flat else self._layout.outward(array)
            for name, array in zip(names, arrays, strict=True)
        }

    def _slots(self, names: Sequence[str], rule: Rule | None = None) -> dict[str, int]:
        """Return the slots of layers; what a rule absorbs has one where it is for kinds that do."""
        own = {INPUT: IMAGE, LOGITS: LOGITS_SLOT}
        if rule is not None and rule.absorbing:
            own[ABSORBED] = backends.ABSORBED_SLOT
        positions = find_layers([name for name in names if name not in own], self.layers, self._positions)
        return {
            name: own[name] if name in own else self._program.steps[positions[name]].outputs[0]
            for name in names
        }


@dataclass(frozen=True)
class Layout:
    """How Keras lays out what nnlens has as (sample, channel, y, x).

    Attributes
    ----------
    channels_first : bool
    flat_image : bool
        Whether the network takes grey images without a dimension for channels.
    """

    channels_first: bool
    flat_image: bool

    @classmethod
    def of(cls, program: Program, model: Any) -> Layout:
        """Find the layout that a network's layers were told to use."""
        formats = {getattr(step.operation, "data_format", None) for step in program.steps}
        return cls("channels_first" in formats, len(model.inputs[0].shape) == 3)

    @property
    def space(self) -> tuple[int, int]:
        """The axes of height and width of feature maps."""
        return (2, 3) if self.channels_first else (1, 2)

    def inward(self, array: Float) -> Float:
        """Turn (sample, channel, y, x) into Keras' layout; anything else stays."""
        if array.ndim != 4 or self.channels_first:
            return array
        return array[:, 0] if self.flat_image else np.ascontiguousarray(np.moveaxis(array, 1, -1))

    def outward(self, array: Float) -> Float:
        """Turn Keras' layout into (sample, channel, y, x), as a view."""
        return array if array.ndim != 4 or self.channels_first else np.moveaxis(array, -1, 1)
