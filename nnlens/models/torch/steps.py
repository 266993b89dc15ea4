"""One call of a layer as a backward rule sees it, and what takes its place in autograd's graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nnlens.errors import ModelError
from nnlens.models.torch.kinds import Linear
from nnlens.models.torch.linear_kinds import scaled
from nnlens.models.torch.masks import Lazily, Mask
from nnlens.rules import Backward

Change = Callable[[Any], Any]


class TorchStep:
    """One call of a layer; see `nnlens.rules.Step`.

    Parameters
    ----------
    name, kind : str
    settings : mapping of str to float
    inputs : sequence of Tensor
        Apart from the network's graph: leaves of one of the layer's own.
    run : callable
        Computes the output from inputs, and writes over none.
    linear : Linear, optional
        What `run` does, where it is linear.
    own : Tensor, optional
        The output in a graph of the layer's own, where there is one already.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        settings: Mapping[str, float],
        inputs: Sequence[Tensor],
        run: Callable[..., Tensor],
        linear: Linear | None = None,
        own: Tensor | None = None,
    ) -> None:
        self.name, self.kind, self.settings = name, kind, settings
        self.inputs = tuple(inputs)
        self.output: Tensor | None = None if own is None else own.detach()
        self._run, self._linear = run, linear
        self._own = own
        self._scale: Tensor | None = None
        self._changed: dict[Change, tuple[Tensor, Tensor]] = {}

    def back(self, gradient: Tensor, weight: Change | None = None) -> Any:
        """Return the plain gradient at the input, or that of the same layer with its weights put through a function."""
        if weight is not None and self._linear is not None:
            if weight not in self._changed:
                self.forward(self.inputs[0], weight)
            leaf, output = self._changed[weight]  # of what is linear the gradient is the same at every input
            return torch.autograd.grad(output, leaf, gradient, retain_graph=True)[0]
        if self._scale is not None:
            gradient = scaled(gradient, self._scale, None)
        found = torch.autograd.grad(self.graph(), self.inputs, gradient, retain_graph=True)
        return found if len(found) > 1 else found[0]

    def forward(self, inputs: Tensor, weight: Change | None = None, bias: bool = True) -> Tensor:
        """Return what the layer makes of another input."""
        linear = self._linear
        if linear is None:
            with torch.no_grad():
                return self._run(inputs)
        change = weight or (lambda tensor: tensor)
        shift = None if linear.bias is None or not bias else change(linear.bias.detach())
        if weight is None:
            with torch.no_grad():
                return linear.apply(inputs, linear.weight, shift)
        with torch.enable_grad():
            leaf = inputs.detach().requires_grad_()
            output = linear.apply(leaf, weight(linear.weight.detach()), shift)
        self._changed[weight] = leaf, output
        return output.detach()

    def graph(self) -> Tensor:
        """Return the output in the layer's own graph, in which the inputs are leaves."""
        if self._own is None:
            with torch.enable_grad():
                self._own = self._run(*(each.requires_grad_() for each in self.inputs))
        return self._own

    def merge(self, norm: Linear, output: Tensor) -> None:
        """Become one step with the normalization that follows, whose output this is.

        Parameters
        ----------
        norm : Linear
        output : Tensor
        """
        linear = self._linear
        if linear is None or linear.axis is None or norm.bias is None:  # `mergeable` says so
            return
        shape = [1] * linear.weight.ndim
        shape[linear.axis] = -1
        before = 0 if linear.bias is None else linear.bias * norm.weight
        weight = linear.weight * norm.weight.view(shape)
        self._linear = Linear(linear.apply, weight, before + norm.bias, linear.axis)
        self._scale, self.output = norm.weight, output

    @property
    def mergeable(self) -> bool:
        """Whether a normalization can be made part of the weights."""
        return self._linear is not None and self._linear.axis is not None

    def done(self) -> None:
        """Let go of the graphs."""
        self._own = None
        self._changed.clear()


class Followed:
    """A step with the function that a rule has for it.

    Parameters
    ----------
    step : TorchStep
    function : callable
    tap : Tensor, dims (sample,), optional
        Whose gradient is what the step keeps of the sum of its own.
    """

    def __init__(self, step: TorchStep, function: Backward, tap: Tensor | None = None) -> None:
        self.step, self.tap, self._function = step, tap, function
        self._watched: list[tuple[Tensor, int]] = []

    def watch(self) -> None:
        """Note what must not be written over until the gradient comes back."""
        kept = [*self.step.inputs, *([] if self.step.output is None else [self.step.output])]
        self._watched = [(tensor, tensor._version) for tensor in kept]

    def back(self, gradient: Tensor) -> tuple[Tensor | None, list[Tensor]]:
        """Return what is absorbed, dims (sample,), and the gradients at the inputs.

        Raises
        ------
        ModelError
            If the rule returns something else, or the network wrote over what the rule has to see.
        """
        step = self.step
        if any(tensor._version != version for tensor, version in self._watched):
            raise ModelError(f"The network writes over what the backward rule must see of {step.name!r}.")
        inputs = [each.detach() for each in step.inputs]
        one = len(inputs) == 1
        with Lazily():
            found = self._function(gradient, inputs[0] if one else tuple(inputs), step.output, step)
        step.done()
        gradients = [
            self._fitted(each, own) for each, own in zip([found] if one else found, inputs, strict=True)
        ]
        if self.tap is None:
            return None, gradients
        samples = len(self.tap)
        return _sums(gradient, samples) - sum(_sums(each, samples) for each in gradients), gradients

    def _fitted(self, gradient: Any, own: Tensor) -> Tensor:
        """Return a gradient of the shape of the input; an input that was spread out gets the sum."""
        gradient = gradient.made().to(own) if isinstance(gradient, Mask) else gradient
        shape = tuple(getattr(gradient, "shape", ()))
        if isinstance(gradient, Tensor) and shape == own.shape:
            return gradient
        if isinstance(gradient, Tensor) and len(self.step.inputs) > 1 and len(shape) >= own.ndim:
            return gradient.sum_to_size(own.shape)
        what = f"the shape {shape}" if isinstance(gradient, Tensor) else f"a {type(gradient).__name__}"
        raise ModelError(
            f"The backward rule gives {what} at {self.step.name!r} where the input has {tuple(own.shape)}."
        )


def replaced(followed: Followed, result: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """Return a result so that the gradient takes the rule's way to the inputs."""
    return _Replaced.apply(followed, result, followed.tap, *inputs)


def overwritten(followed: Followed, write: Callable[..., object], inputs: Sequence[Tensor]) -> Tensor:
    """Write over the first input, and return it so that the gradient takes the rule's way to what it was."""
    return _Overwritten.apply(followed, write, followed.tap, *inputs)


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, followed: Followed, result: Tensor, tap: Tensor | None, *inputs: Tensor) -> Tensor:
        del tap, inputs
        ctx.followed = followed
        return result.detach()  # else an input that is returned as it is

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        absorbed, gradients = ctx.followed.back(gradient)
        return None, None, absorbed, *gradients


class _Overwritten(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        followed: Followed,
        write: Callable[..., object],
        tap: Tensor | None,
        first: Tensor,
        *inputs: Tensor,
    ) -> Tensor:
        del tap
        ctx.followed = followed
        write(first, *inputs)
        ctx.mark_dirty(first)
        return first

    backward = _Replaced.backward


OWN_NODES = frozenset({"_ReplacedBackward", "_OverwrittenBackward"})
"""What they are called in autograd's graph."""


def _sums(gradient: Tensor, samples: int) -> Tensor:
    return gradient.reshape(samples, -1).sum(1)
