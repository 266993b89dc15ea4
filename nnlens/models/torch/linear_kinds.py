"""Functions of torch that are linear in their input, sums, products and poolings, as a backward rule knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnlens.models.torch.functions import works_in_place
from nnlens.models.torch.kinds import Args, Kwargs, Linear, Reader, Reading

CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "convolution"})
TRANSPOSED = frozenset({"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
WEIGHTED = CONVOLUTIONS | TRANSPOSED | {"linear", "matmul", "mm", "addmm"}
"""What a normalization that follows can be made part of."""


def _leading(args: Args, kwargs: Kwargs, *names: str) -> tuple[list[Any], Args, dict[str, Any]]:
    """Return the named arguments after the input, None where missing, then the others."""
    first = [args[place] if len(args) > place else kwargs.get(name) for place, name in enumerate(names, 1)]
    return first, args[len(names) + 1 :], {key: kwargs[key] for key in kwargs if key not in names}


def constant(value: Any) -> bool:
    """Whether a value is a tensor that does not depend on the image, as weights do not."""
    return isinstance(value, Tensor) and not value.requires_grad


def _weighted(kind: str, transposed: bool = False) -> Reader:
    def reader(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
        (weight, bias), rest, named = _leading(args, kwargs, "weight", "bias")
        if not constant(weight) or not (bias is None or constant(bias)):
            return None

        def apply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return func(inputs, weight, bias, *rest, **named)

        # of a transposed convolution in groups, no one axis of the weights has all output channels
        mixed = transposed or len(rest) == 6  # which is what aten.convolution takes, transposed or not
        axis = (1 if named.get("groups", rest[3] if len(rest) > 3 else 1) == 1 else None) if mixed else 0
        linear = Linear(apply, weight, bias, None if mixed and not transposed else axis)
        return Reading(kind, args, kwargs, linear=linear)

    return reader


def _matmul(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    (other,), _, _ = _leading(args, kwargs, "other")
    other = kwargs.get("mat2", other)
    if not isinstance(other, Tensor) or other.requires_grad == args[0].requires_grad:
        return None
    place = 0 if constant(other) else 1
    product = func if place == 0 else lambda inputs, weight: func(weight, inputs)

    def apply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return product(inputs, weight) if bias is None else product(inputs, weight) + bias

    values = (args[0], other)
    axis = 1 if place == 0 and other.ndim == 2 else None
    return Reading("Dense", values, {}, (place,), linear=Linear(apply, values[1 - place], None, axis))


def _addmm(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    del func
    (inputs, weight), rest, named = _leading(args, kwargs, "mat1", "mat2")
    if rest or named or not constant(weight) or not constant(args[0]):
        return None

    def apply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return inputs @ weight if bias is None else torch.addmm(bias, inputs, weight)

    return Reading("Dense", (args[0], inputs, weight), {}, (1,), linear=Linear(apply, weight, args[0], 1))


def _batch_norm(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    names = ["running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"]
    if func is not functional.batch_norm:
        names = ["weight", "bias", "running_mean", "running_var", "training", "momentum", "eps"]
    found = dict(zip(names, _leading(args, kwargs, *names)[0], strict=True))
    mean, variance = found["running_mean"], found["running_var"]
    if found["training"] or mean is None or variance is None:
        return None  # with the statistics of the batch it is not linear
    scale = (variance + (1e-5 if found["eps"] is None else found["eps"])).rsqrt()
    scale = scale if found["weight"] is None else scale * found["weight"]
    shift = -mean * scale if found["bias"] is None else found["bias"] - mean * scale
    return Reading("Normalization", args, kwargs, linear=Linear(scaled, scale, shift))


def scaled(maps: Tensor, scale: Tensor, shift: Tensor | None) -> Tensor:
    """Return maps (sample, channel, …) with each channel scaled and shifted."""
    shape = (1, -1, *(1,) * (maps.ndim - 2))
    result = maps * scale.view(shape)
    return result if shift is None else result + shift.view(shape)


def _pair(kind: str) -> Reader:
    """Read a sum or product of two tensors that both come from the image.

    Where only one does, the plain gradient is right for a sum: the other, which is no layer and has nothing to explain,
    takes no share, as position codes in a transformer.
    """

    def reader(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
        (other,), rest, named = _leading(args, kwargs, "other")
        if rest or named or not isinstance(other, Tensor):
            return None
        return Reading(kind, (args[0], other), {}, (0, 1), in_place=works_in_place(func))

    return reader


def _pooling(kind: str) -> Reader:
    def reader(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
        del func
        return None if kwargs.get("return_indices") else Reading(kind, args, kwargs)

    return reader


def _over(kind: str) -> Reader:
    """Read a mean or maximum over dimensions as a pooling, unless over samples."""

    def reader(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
        del func
        given = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
        dims = [given] if isinstance(given, int) else given
        if not isinstance(args[0], Tensor) or not dims or any(each % args[0].ndim == 0 for each in dims):
            return None
        return Reading(kind, args, kwargs)

    return reader


LINEAR_READERS: Mapping[str, Reader] = {
    **dict.fromkeys(CONVOLUTIONS, _weighted("Convolution")),
    **dict.fromkeys(TRANSPOSED, _weighted("Convolution", transposed=True)),
    "linear": _weighted("Dense"),
    "matmul": _matmul,
    "mm": _matmul,
    "addmm": _addmm,
    "batch_norm": _batch_norm,
    "add": _pair("Add"),
    "mul": _pair("Multiply"),
    **{f"{name}avg_pool{n}d": _pooling("AveragePooling") for n in (1, 2, 3) for name in ("", "adaptive_")},
    **{f"{name}max_pool{n}d": _pooling("MaxPooling") for n in (1, 2, 3) for name in ("", "adaptive_")},
    "mean": _over("AveragePooling"),
    "amax": _over("MaxPooling"),
}
