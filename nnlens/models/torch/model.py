"""The Model protocol over a torch network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from nnlens.errors import ModelError
from nnlens.models.base import Float, ModelReference, Pass, Seed
from nnlens.models.checks import (
    NO_LOGITS,
    checked_inputs,
    checked_seed,
    find_layers,
    positions_of,
    unknown_layer,
)
from nnlens.models.preprocess import Preprocess
from nnlens.models.probability import SMALLEST
from nnlens.models.torch.drawing import drawn_anew
from nnlens.models.torch.functions import MAIN, main_tensor
from nnlens.models.torch.gradients import as_array, gradients_at
from nnlens.models.torch.graph import watch
from nnlens.models.torch.memory import channels_last, gains_by_channels_last
from nnlens.models.torch.recording import Recorder
from nnlens.models.torch.ruling import Ruling
from nnlens.models.torch.state import evaluating, frozen, unchanged
from nnlens.models.torch.trace import image_like
from nnlens.rules import ABSORBED, PLAIN, Rule, find_rule
from nnlens.schema import INPUT, LOGITS

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images


class TorchModel:
    """A torch classifier. The attributes are those of `nnlens.models.base.Model`.

    Parameters
    ----------
    module : Module
        The network; every call leaves it as it was.
    preprocess : Preprocess
    name : str
    reference : ModelReference, optional
    notes : sequence of str
        What was done on opening, for the user.
    own_input : callable, optional
        Makes inputs of images where the architecture's own code does.

    Raises
    ------
    ModelError
        If the network cannot be run on such inputs.
    """

    framework: Literal["torch"] = "torch"

    def __init__(
        self,
        module: nn.Module,
        preprocess: Preprocess,
        name: str,
        reference: ModelReference | None = None,
        notes: Sequence[str] = (),
        own_input: Callable[[Images], Float] | None = None,
    ) -> None:
        self.module = _unwrapped(module)
        self.preprocess = preprocess
        self._own_input = own_input
        self.name = name
        self.reference = reference
        first = next(
            (tensor for tensor in self.module.parameters() if tensor.is_floating_point()), torch.zeros(0)
        )
        self._device, self._dtype = first.device, first.dtype
        self._parts = tuple(self.module.modules())
        self._weights = tuple(self.module.parameters())
        self._graph = watch(self.module, preprocess, self._device, self._dtype)
        self.layers = self._graph.layers
        self.class_count = self._graph.class_count
        self.hidden_layer = self._graph.hidden_layer
        self.has_logits = self._graph.logits.exact
        self._given_notes = tuple(notes)
        self.notes = (*notes, *self._own_notes())
        self._positions = positions_of(self.layers)

    def __repr__(self) -> str:
        return f"<TorchModel {self.name}: {len(self.layers)} layers, {self.class_count} classes>"

    def _own_notes(self) -> Iterator[str]:
        if not self.has_logits:
            yield NO_LOGITS
        if self._graph.outputs > 1:
            yield (
                f"The network gives {self._graph.outputs} outputs: that of {self.class_count:,} numbers, called "
                f"{' or '.join(MAIN)} or the first, is taken for the classes."
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the kinds of layers and the names, shapes and values of weights."""
        digest = hashlib.sha256(repr([(layer.name, layer.kind) for layer in self.layers]).encode())
        for name, tensor in self.module.state_dict().items():
            if isinstance(tensor, Tensor):
                digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def prepare(self, images: Images) -> Float:
        """Turn images (sample, y, x, channel) into inputs (sample, channel, y, x)."""
        return (self._own_input or self.preprocess)(images)

    def predict(self, inputs: Float) -> Float:
        """Return logits (sample, class_)."""
        return self.activations(inputs, [LOGITS])[LOGITS]

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers after one forward pass in evaluation mode, without copying them."""
        positions = find_layers((*layers, *pooled), self.layers, self._positions)
        means = {positions[name] for name in pooled if name in positions}
        with torch.inference_mode(), self._left_as_found():
            image = self._laid_out(inputs, not exact and self._fast)
            tensors, _ = self._forward(image, positions, means=means)
            return {name: as_array(tensors[name]) for name in (*layers, *pooled)}

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
        ends = (start, *(name for name in wrt if name != ABSORBED or not followed.absorbing))
        positions = find_layers((*ends, *keep), self.layers, self._positions)
        tap = self._tap(followed, len(inputs), wrt)
        ruling = self._ruling(followed, tap)
        with torch.inference_mode(False), torch.enable_grad(), self._left_as_found(), frozen(self._weights):
            image = self._laid_out(inputs, self._fast_back).requires_grad_(
                ruling is not None or INPUT in wrt or self._starts_early(positions, wrt)
            )
            tensors, edges = self._forward(image, positions, ends, ruling=ruling)
            kept = {name: as_array(tensors[name]) for name in dict.fromkeys((*keep, start))}
            logits = as_array(tensors[LOGITS])
            gradient = torch.from_numpy(checked_seed(seed, logits, kept, tensors[start].shape))
            edges |= {} if tap is None else {ABSORBED: get_gradient_edge(tap)}
            if ruling is not None and start in edges:
                ruling.watch(edges[start].node)
            gradients = gradients_at(edges, start, wrt, gradient.to(tensors[start]))
        plain_at = () if ruling is None else ruling.plain_at
        return Pass(logits, {name: kept[name] for name in keep}, gradients, plain_at)

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> TorchModel:
        """Return a copy with weights drawn anew; see `nnlens.models.base.Model.randomized`."""
        positions = None if layers is None else [self._position(name) for name in layers]
        module = drawn_anew(self.module, self._graph.calls, positions, seed)
        return self.over(module, self.name, self._given_notes)

    def over(self, module: nn.Module, name: str, notes: Sequence[str]) -> TorchModel:
        """Put another network of this architecture behind the protocol, with the same inputs."""
        return TorchModel(module, self.preprocess, name, None, notes, self._own_input)

    def _position(self, name: str) -> int:
        if name not in self._positions:
            raise unknown_layer(name, self._positions)
        return self._positions[name]

    @cached_property
    def _fast(self) -> bool:
        """Whether forward passes take images with channels last."""
        with torch.inference_mode(), self._left_as_found():
            return gains_by_channels_last(
                self.module, lambda image: self._forward(image, {})[0][LOGITS], self._noise()
            )

    @cached_property
    def _fast_back(self) -> bool:
        """Whether passes with gradients do: one through a small VGG then takes .78 of the time, SqueezeNet .60."""

        def run(image: Tensor) -> Tensor:
            logits = self._forward(image.requires_grad_(), {})[0][LOGITS]
            return torch.autograd.grad(logits.sum(), image)[0]

        try:
            return self._fast and gains_by_channels_last(self.module, run, self._noise())
        except RuntimeError:  # no gradient arrives at the image, whatever its order
            return False

    def _noise(self) -> Tensor:
        used = self.preprocess
        return image_like((used.channels, used.height, used.width), self._device, self._dtype)

    def _tap(self, rule: Rule, samples: int, wrt: Sequence[str]) -> Tensor | None:
        """Return that whose gradient is what layers absorb, dims (sample,), where that is asked for."""
        if ABSORBED not in wrt or not rule.absorbing:
            return None
        return torch.zeros(samples, device=self._device, dtype=self._dtype, requires_grad=True)

    def _ruling(self, rule: Rule, tap: Tensor | None) -> Ruling | None:
        """Return what follows a rule; nothing does where it is the gradient."""
        if not rule.backward and tap is None:
            return None
        return Ruling(rule, self._graph.places, self._parts, self._graph.names, tap)

    def _starts_early(self, positions: Mapping[str, int], wrt: Sequence[str]) -> bool:
        """Whether a gradient is wanted where the network writes over a tensor: no graph can start there."""
        calls = [self._graph.calls[positions[name]] for name in wrt if name in positions]
        return any(call.in_place and call.overwritten for call in calls)

    @contextmanager
    def _left_as_found(self) -> Iterator[None]:
        with evaluating(self._parts), unchanged(self._graph.written):
            yield

    def _laid_out(self, inputs: Float, fast: bool) -> Tensor:
        return channels_last(self._tensor(inputs)) if fast else self._tensor(inputs)

    def _tensor(self, inputs: Float) -> Tensor:
        array = checked_inputs(inputs, self.preprocess)
        tensor = torch.from_numpy(array) if array.flags.writeable else torch.tensor(array)
        return tensor.to(self._device, self._dtype)

    def _forward(
        self,
        image: Tensor,
        positions: Mapping[str, int],
        ends: Sequence[str] = (),
        means: Container[int] = (),
        ruling: Ruling | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, GradientEdge]]:
        """Run the network once.

        Returns
        -------
        tensors : dict of str to Tensor
            Of the named layers, the input and the logits.
        edges : dict of str to GradientEdge
            Of those in `ends` that a gradient can come by.
        """
        place = self._graph.logits
        wanted = {*positions.values()} | ({place.layer} if place.layer is not None else set())
        differentiable = {positions[name] for name in ends if name in positions}
        recorder = Recorder(self._graph.calls, wanted, place.function, differentiable, means)
        with ruling or nullcontext(), recorder:  # in this order the recorder sees what the rule returns
            output = main_tensor(self.module(image.clone() if self._graph.image_written else image))
        missing = [name for name, position in positions.items() if position not in recorder.outputs]
        if missing:
            raise ModelError(f"The network did not come to layer {missing[0]!r} with this input.")
        tensors = {name: recorder.outputs[position] for name, position in positions.items()}
        edges = {
            name: recorder.edges[position]
            for name, position in positions.items()
            if position in recorder.edges
        }
        own = {INPUT: image, LOGITS: self._logits(recorder, output)}
        edges |= {
            name: get_gradient_edge(own[name]) for name in own if name in ends and own[name].requires_grad
        }
        return tensors | own, edges

    def _logits(self, recorder: Recorder, output: Tensor | None) -> Tensor:
        place = self._graph.logits
        if place.layer is not None:
            output = recorder.outputs[place.layer]
        elif place.function is not None:
            output = recorder.function_input
        if output is None:
            raise ModelError("The network did not come to its logits with this input.")
        logits = output.flatten(1)
        return logits.clamp_min(SMALLEST).log() if place.logarithm else logits


def _unwrapped(module: nn.Module) -> nn.Module:
    """Take a network out of what torch.compile and DataParallel put around it: hooks inside would not be called."""
    while isinstance(inner := getattr(module, "_orig_mod", None), nn.Module) or (
        isinstance(module, nn.DataParallel) and isinstance(inner := module.module, nn.Module)
    ):
        module = inner
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            "A TorchScript network cannot be looked into.", "Give the module that it was made from."
        )
    return module
