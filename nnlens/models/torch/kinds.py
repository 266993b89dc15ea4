"""What functions of torch are to a backward rule: the kinds of `nnlens.rules.KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from nnlens.models.torch.functions import works_in_place

Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]


@dataclass(frozen=True)
class Linear:
    """A function that is linear in its input, with what it multiplies by.

    Attributes
    ----------
    apply : callable
        (inputs, weight, bias) → output; the bias may be None.
    weight : Tensor
    bias : Tensor or None
    axis : int or None
        Of the weight, that of the output's channels; None where there is no one such axis.
    """

    apply: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    weight: Tensor
    bias: Tensor | None
    axis: int | None = 0


@dataclass(frozen=True)
class Reading:
    """What a call of a function is.

    Attributes
    ----------
    kind : str
        Of `nnlens.rules.KINDS`.
    args, kwargs
        Those of the call, the input by position.
    inputs : tuple of int
        Which of the arguments are its inputs.
    settings : mapping of str to float
    in_place : bool
        Whether it writes over its first input.
    linear : Linear or None
    whole : bool
        False where the nonlinearity is buried in a greater function, so that no rule can reach it.
    call : callable or None
        What does the same to the arguments, where it is not the function that was called.
    """

    kind: str
    args: Args
    kwargs: Kwargs
    inputs: tuple[int, ...] = (0,)
    settings: Mapping[str, float] = field(default_factory=dict)
    in_place: bool = False
    linear: Linear | None = None
    whole: bool = True
    call: Callable[..., Any] | None = None


Reader = Callable[[Any, Args, Kwargs], "Reading | None"]

SIMPLE = {
    "relu": "ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "special_expit": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "log_sigmoid": "LogSigmoid",
    "logsigmoid": "LogSigmoid",
    "softmax": "Softmax",
    "log_softmax": "Softmax",
    "softmin": "Softmax",
    "glu": "GLU",
}
BURIED = {
    "multi_head_attention_forward": "Softmax",
    "scaled_dot_product_attention": "Softmax",
    "lstm": "Tanh",
    "gru": "Tanh",
    "rnn_tanh": "Tanh",
    "rnn_relu": "ReLU",
}


def read(reader: Reader, func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    """Return what a call is, or None where no rule has to know of it.

    Parameters
    ----------
    reader : callable
        Of those for functions of this name.
    func : callable
    args, kwargs
    """
    if "input" in kwargs:
        args, kwargs = (kwargs["input"], *args), {key: kwargs[key] for key in kwargs if key != "input"}
    reading = reader(func, args, kwargs)
    if reading is None or any(not isinstance(reading.args[place], Tensor) for place in reading.inputs):
        return None
    return reading


def _get(args: Args, kwargs: Kwargs, place: int, name: str, default: Any = None) -> Any:
    """Return an argument, a tensor of one number as that number."""
    value = args[place] if len(args) > place else kwargs.get(name, default)
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def _elementwise(kind: str, func: Any, args: Args, kwargs: Kwargs, **settings: float) -> Reading:
    # where a function of torch.nn.functional takes more flags than `inplace`, evaluation mode leaves them False
    in_place = works_in_place(func) or kwargs.get("inplace", False) or any(each is True for each in args[1:])
    return Reading(kind, args, kwargs, settings=settings, in_place=in_place)


def _simple(kind: str) -> Reader:
    return lambda func, args, kwargs: _elementwise(kind, func, args, kwargs)


def _buried(kind: str) -> Reader:
    return lambda func, args, kwargs: Reading(kind, args, kwargs, whole=False)  # noqa: ARG005


def _relu6(func: Any, args: Args, kwargs: Kwargs) -> Reading:
    return _elementwise("ReLU6", func, args, kwargs, top=6.0)


def _between(func: Any, args: Args, kwargs: Kwargs, low: Any, high: Any) -> Reading | None:
    if isinstance(low, int | float) and low == 0 and high is None:
        return _elementwise("ReLU", func, args, kwargs)
    if isinstance(low, int | float) and low == 0 and isinstance(high, int | float) and high > 0:
        return _elementwise("ReLU6", func, args, kwargs, top=float(high))
    return _elementwise("Hardtanh", func, args, kwargs)


def _hardtanh(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    low, high = _get(args, kwargs, 1, "min_val", -1.0), _get(args, kwargs, 2, "max_val", 1.0)
    return _between(func, args, kwargs, low, high)


def _clamp(func: Any, args: Args, kwargs: Kwargs) -> Reading | None:
    return _between(func, args, kwargs, _get(args, kwargs, 1, "min"), _get(args, kwargs, 2, "max"))


def _threshold(func: Any, args: Args, kwargs: Kwargs) -> Reading:
    bounds = _get(args, kwargs, 1, "threshold"), _get(args, kwargs, 2, "value")
    return _elementwise("ReLU" if bounds == (0, 0) else "Hardtanh", func, args, kwargs)


def _leaky(func: Any, args: Args, kwargs: Kwargs) -> Reading:
    slope = float(_get(args, kwargs, 1, "negative_slope", 0.01))
    return _elementwise("LeakyReLU", func, args, kwargs, slope=slope)


def _rrelu(func: Any, args: Args, kwargs: Kwargs) -> Reading:
    """In evaluation mode it is a LeakyReLU of the mean slope."""
    bounds = _get(args, kwargs, 1, "lower", 1 / 8), _get(args, kwargs, 2, "upper", 1 / 3)
    return _elementwise("LeakyReLU", func, args, kwargs, slope=sum(bounds) / 2)


NONLINEAR_READERS: Mapping[str, Reader] = {
    **{name: _simple(kind) for name, kind in SIMPLE.items()},
    **{name: _buried(kind) for name, kind in BURIED.items()},
    "relu6": _relu6,
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "threshold": _threshold,
    "leaky_relu": _leaky,
    "rrelu": _rrelu,
}
