"""Tensors as the functions of a backward rule get them: TensorFlow cannot multiply by the outcome of a comparison."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import keras


class Operand:
    """A tensor with operators, of which comparisons give masks of zeros and ones.

    Parameters
    ----------
    tensor : tensor
        Of Keras' backend.
    """

    __array_ufunc__ = None  # numpy's arrays and scalars on the left leave the operation to this class

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __repr__(self) -> str:
        return f"<Operand {self.tensor!r}>"

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Of the tensor; the number of samples may be unknown."""
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        """How many dimensions the tensor has."""
        return len(self.tensor.shape)

    def __neg__(self) -> Operand:
        return Operand(-self.tensor)

    def __abs__(self) -> Operand:
        return Operand(keras.ops.abs(self.tensor))


def wrap(value: Any) -> Any:
    """Turn a tensor, or each of a tuple, into operands."""
    return tuple(map(wrap, value)) if isinstance(value, tuple | list) else Operand(value)


def unwrap(value: Any) -> Any:
    """Return the tensor of an operand; anything else stays."""
    return value.tensor if isinstance(value, Operand) else value


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Operand, Any], Operand]:
    return lambda self, other: Operand(function(self.tensor, unwrap(other)))


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Operand, Any], Operand]:
    return lambda self, other: Operand(function(unwrap(other), self.tensor))


def _comparison(function: Callable[[Any, Any], Any]) -> Callable[[Operand, Any], Operand]:
    return lambda self, other: Operand(
        keras.ops.cast(function(self.tensor, unwrap(other)), self.tensor.dtype)
    )


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Operand, f"__{_name}__", _binary(getattr(operator, _name)))
    setattr(Operand, f"__r{_name}__", _reflected(getattr(operator, _name)))
for _name, _function in {
    "gt": keras.ops.greater,
    "ge": keras.ops.greater_equal,
    "lt": keras.ops.less,
    "le": keras.ops.less_equal,
    "eq": keras.ops.equal,
    "ne": keras.ops.not_equal,
}.items():
    setattr(Operand, f"__{_name}__", _comparison(_function))
Operand.__hash__ = object.__hash__  # type: ignore[method-assign]  # comparing by value took it away
