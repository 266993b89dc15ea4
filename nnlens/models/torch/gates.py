"""Rectifiers that are written as a mask over a tensor, and other choices between numbers that the image decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnlens.models.torch.functions import works_in_place
from nnlens.models.torch.kinds import Args, Kwargs, Reader, Reading

GATE = "Gate"
"""What lets numbers through or not, and is no rectifier of `nnlens.rules.NONLINEAR`: no rule reaches it."""


def _masked(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    """Read a product with a mask, as ``x * (x > 0)``; None where the other factor has a gradient or is a number."""
    values = (*args, kwargs["other"]) if "other" in kwargs else args
    if len(values) != 2 or not all(isinstance(value, Tensor) for value in values):
        return None
    place = 0 if values[0].requires_grad else 1
    maps, mask = values[place], values[1 - place]
    if mask.requires_grad or mask.ndim == 0:
        return None
    in_place = works_in_place(func)
    if maps.shape == mask.shape and _is_relu(maps, maps.detach() * mask):
        return Reading("ReLU", values, {}, (place,), in_place=in_place)
    return _gate(values)


def _filled(func: Any, args: Args, kwargs: Kwargs) -> Reading:
    """Read ``x.masked_fill(x < 0, 0)``."""
    result = torch.masked_fill(args[0].detach(), *args[1:], **kwargs)
    if _is_relu(args[0], result):
        return Reading("ReLU", args, kwargs, in_place=works_in_place(func))
    return _gate(args, kwargs)


def _chosen(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    """Read ``torch.where(x > 0, x, 0)`` and ``torch.where(x > 0, x, slope * x)``."""
    del func
    given = [*args, *kwargs.values()]
    masks = [each for each in given if isinstance(each, Tensor) and each.dtype == torch.bool]
    if len(given) != 3 or not masks:
        return None  # it tells where numbers are
    values = [each for each in given if each is not masks[0]]
    result = torch.where(masks[0], *(each.detach() if isinstance(each, Tensor) else each for each in values))
    if kwargs:  # a named input was taken to the front
        args = (masks[0], *values)
    return _leaky(values, result) or _gate(args)


def _larger(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    """Read ``torch.maximum(x, torch.zeros(()))`` and ``torch.maximum(x, slope * x)``."""
    values = (*args, kwargs["other"]) if "other" in kwargs else args
    if len(values) != 2 or not all(isinstance(value, Tensor) for value in values):
        return None  # it is over a dimension
    result = func(*(value.detach() for value in values))
    return _leaky([*values], result) or _gate(values)


def _assigned(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    """Read ``x[x < 0] = 0``."""
    del func
    maps, mask, value = args
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        return None
    whole = mask.shape == maps.shape and isinstance(value, int | float)
    if whole and _is_relu(maps, maps.detach().masked_fill(mask, value)):
        return Reading("ReLU", args, kwargs, in_place=True, call=Tensor.masked_fill_)
    return _gate(args, kwargs)


def _is_relu(maps: Tensor, result: Tensor) -> bool:
    return maps.requires_grad and torch.equal(result, maps.detach().clamp_min(0))


def _leaky(values: list[Any], result: Tensor) -> Reading | None:
    """Return a reading as a rectifier, leaky or not, of one of two values, if the result is that."""
    for maps in values:
        if not isinstance(maps, Tensor) or not maps.requires_grad or maps.shape != result.shape:
            continue
        if _is_relu(maps, result):
            return Reading("ReLU", (maps,), {}, call=functional.relu)
        slope = _slope(maps.detach(), result)
        if slope is not None:
            return Reading(
                "LeakyReLU", (maps, slope), {}, settings={"slope": slope}, call=functional.leaky_relu
            )
    return None


def _slope(maps: Tensor, result: Tensor) -> float | None:
    """Return the slope below zero, if the result is a leaky rectifier of the maps."""
    negative = maps < 0
    if not bool(negative.any()):
        return None
    slope = float((result[negative] / maps[negative]).median())
    alike = 0 < slope < 1 and torch.allclose(result, functional.leaky_relu(maps, slope), rtol=1e-5, atol=0)
    return slope if alike else None


def _gate(args: Args, kwargs: Kwargs | None = None) -> Reading:
    return Reading(GATE, args, kwargs or {}, (), whole=False)


GATE_READERS: Mapping[str, Reader] = {
    "mul": _masked,
    "multiply": _masked,
    "masked_fill": _filled,
    "where": _chosen,
    "maximum": _larger,
    "max": _larger,
    "setitem": _assigned,
}
