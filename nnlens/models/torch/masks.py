"""Masks that are never made: where a rule multiplies by ``x > 0``, one pass over memory does both.

Written out, ``gradient * (gradient > 0) * (inputs > 0)`` takes three times as long as the two passes that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Mask:
    """Where a tensor is above a bound; a tensor of booleans as soon as it is used for anything but a product."""

    def __init__(self, tensor: Tensor, bound: float) -> None:
        self._tensor, self._bound = tensor, bound

    def made(self) -> Tensor:
        """Return the booleans."""
        return torch.greater(self._tensor, self._bound)  # by a name that makes no mask again

    def of(self, other: Any) -> Any:
        """Return the product with something."""
        own = self._tensor
        if isinstance(other, Tensor) and other.shape == own.shape and other.dtype == own.dtype:
            return torch.ops.aten.threshold_backward(other, own, self._bound)
        return _made(other) * self.made()

    __mul__ = __rmul__ = of

    def __getattr__(self, name: str) -> Any:
        return getattr(self.made(), name)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = {key: _made(each) for key, each in (kwargs or {}).items()}
        return func(*(_made(each) for each in args), **made)


def _delegated(name: str) -> Callable[..., Any]:
    return lambda mask, *others: getattr(mask.made(), name)(*(_made(other) for other in others))


for _name in (
    *("and", "rand", "or", "ror", "xor", "rxor", "add", "radd", "sub", "rsub", "truediv", "rtruediv", "pow"),
    *("invert", "neg", "abs", "bool", "len", "getitem", "eq", "ne", "lt", "le", "gt", "ge", "array"),
):
    setattr(Mask, f"__{_name}__", _delegated(f"__{_name}__"))


def _made(value: Any) -> Any:
    return value.made() if isinstance(value, Mask) else value


class Lazily(TorchFunctionMode):
    """Lets comparisons of a rule be such masks; use as a context manager around it."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in GREATER and len(args) == 2 and not kwargs and _comparable(*args):
            return Mask(args[0], args[1])
        if name in PRODUCTS and len(args) == 2 and isinstance(args[1], Mask):
            return args[1].of(args[0])
        if any(isinstance(each, Mask) for each in args):
            args = tuple(_made(each) for each in args)
        return func(*args, **kwargs)


GREATER = frozenset({"gt", "__gt__"})
PRODUCTS = frozenset({"mul", "__mul__", "multiply"})


def _comparable(tensor: Any, bound: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.is_floating_point() and type(bound) in (int, float)
