"""Rules for whole modules by their class: what system builders call reverse layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnlens.errors import ModelError
from nnlens.models.torch.functions import tensors
from nnlens.models.torch.steps import Followed, TorchStep, overwritten, replaced


class Reversal:
    """Puts a rule in the place of one module's way back, by two hooks.

    The module runs on a copy of its input, in a graph of its own, which gives the plain gradient.

    Parameters
    ----------
    module : Module
    names : mapping of int to str
        Of its calls.
    follow : callable
        Makes of a step what follows the rule.
    pause : callable
        Told when the module starts (True) and ends (False): rules do not apply inside.
    """

    def __init__(
        self,
        module: nn.Module,
        names: Mapping[int, str],
        follow: Callable[[TorchStep], Followed],
        pause: Callable[[bool], None],
    ) -> None:
        self._names, self._follow, self._pause = names, follow, pause
        self._calls = 0
        self._entered: list[tuple[Tensor, Tensor, Tensor, int, Callable[[Tensor], Tensor]] | None] = []
        self._handles = (
            module.register_forward_pre_hook(self._enter, with_kwargs=True),
            module.register_forward_hook(self._leave),
        )

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _enter(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        given = next(tensors((args, kwargs)), None)
        if given is None or not given.requires_grad or not torch.is_grad_enabled():
            self._entered.append(None)
            return None

        # without the input itself, which may lead back to what holds this: memory would wait for the collector
        places = [key for key, each in (*enumerate(args), *kwargs.items()) if each is given]
        rest = {key: None if key in places else each for key, each in (*enumerate(args), *kwargs.items())}

        def exchanged(value: Tensor) -> tuple[Any, Any]:
            values = {**rest, **dict.fromkeys(places, value)}
            return (
                tuple(each for key, each in values.items() if isinstance(key, int)),
                {key: each for key, each in values.items() if isinstance(key, str)},
            )

        def run(value: Tensor) -> Tensor:
            with_value = exchanged(value)
            return module.forward(*with_value[0], **with_value[1])

        leaf = given.detach().clone().requires_grad_()
        own = leaf.clone()  # which the module may write over
        self._entered.append((given, leaf, own, own._version, run))
        self._pause(True)
        return exchanged(own)

    def _leave(self, module: nn.Module, _args: Any, output: Any) -> Any:
        entered, number = self._entered.pop(), self._calls
        self._calls += 1
        if entered is None:
            return None
        self._pause(False)
        given, leaf, own, version, run = entered
        kind = type(module).__name__
        name = self._names.get(number, kind)
        if not isinstance(output, Tensor):
            raise ModelError(f"Layer {name!r} gives no single tensor, so no backward rule can be for {kind}.")
        step = TorchStep(name, kind, {}, [leaf], run, own=output)
        followed, result = self._follow(step), output.detach()
        if output is own:
            return overwritten(followed, lambda first: first.copy_(result), [given])
        if own._version != version:
            raise ModelError(
                f"Layer {name!r} writes over its input and gives something else.",
                f"No backward rule can be for {kind}.",
            )
        return replaced(followed, result, [given])
