"""Functions of torch that count as layers when a network calls them outside of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor

KINDS = {
    "conv1d": "Conv1d",
    "conv2d": "Conv2d",
    "conv3d": "Conv3d",
    "convolution": "Conv2d",  # what programs call all of them
    "conv_transpose2d": "ConvTranspose2d",
    "linear": "Linear",
    "matmul": "MatMul",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "hardswish": "Hardswish",
    "softplus": "Softplus",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "max_pool2d": "MaxPool2d",
    "avg_pool2d": "AvgPool2d",
    "lp_pool2d": "LPPool2d",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d",
    "adaptive_max_pool2d": "AdaptiveMaxPool2d",
    "batch_norm": "BatchNorm",
    "layer_norm": "LayerNorm",
    "group_norm": "GroupNorm",
    "instance_norm": "InstanceNorm",
    "interpolate": "Upsample",
    "scaled_dot_product_attention": "Attention",
    "add": "Add",
    "mul": "Mul",
    "cat": "Concat",
    "concat": "Concat",
}
"""Always layers; the kind is what the module of the same work is called."""

FLATTENING = {
    "flatten": "Flatten",
    "view": "Flatten",
    "reshape": "Flatten",
    "squeeze": "Flatten",
    "mean": "GlobalPool",
    "amax": "GlobalPool",
    "getitem": "Select",
}
"""Layers where they turn (sample, channel, y, x) into (sample, unit)."""

SELECTING = {"getitem": "Select", "select": "Select", "mean": "GlobalPool", "amax": "GlobalPool"}
"""Layers where they turn (sample, token, unit) into (sample, unit): the class token, the last step, the mean."""

COMBINING = frozenset({"add", "mul"})
"""Layers only between two tensors of the network: scaling by a constant is none."""

MAIN = ("logits", "out")
"""What networks with several outputs call the one for the classes."""

TRANSPARENT = frozenset(
    {"log", "exp", "clamp", "dropout", "squeeze", "flatten", "view", "reshape", "contiguous", "float"}
)
"""What may stand after a softmax without hiding that the network ends with one."""


def function_name(function: Callable[..., Any]) -> str:
    """Return what a function is called, whether it works in place or through an operator: ``add_`` is ``add``.

    In programs it is an overload, such as ``add_.Tensor``.
    """
    return _bare_name(function).strip("_")


def works_in_place(function: Callable[..., Any]) -> bool:
    """Whether a function writes over its input, by its name."""
    return _bare_name(function).endswith("_")


def _bare_name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", "")).partition(".")[0]


def layer_kind(name: str, inputs: list[Tensor], output: Tensor, computed: int) -> str | None:
    """Return the kind of layer that a call is, or None.

    Parameters
    ----------
    name : str
        By `function_name`.
    inputs : list of Tensor
        All tensors among the arguments.
    output : Tensor
    computed : int
        How many of the inputs come from the image.
    """
    if name in FLATTENING or name in SELECTING:
        before = inputs[0].ndim if inputs and output.ndim == 2 else 0
        return {4: FLATTENING, 3: SELECTING}.get(before, {}).get(name)
    if name in COMBINING and computed < 2:
        return None
    return KINDS.get(name)


def tensors(value: object) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples, mappings and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif is_dataclass(value):
        yield from tensors(vars(value))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def main_tensor(output: object) -> Tensor | None:
    """Return what a network or layer mainly gives: what is called ``logits`` or ``out``, else the first tensor."""
    if isinstance(output, Tensor):
        return output
    for key in MAIN:
        found = output.get(key) if isinstance(output, Mapping) else getattr(output, key, None)
        if isinstance(found, torch.Tensor):
            return found
    return next(tensors(output), None)
