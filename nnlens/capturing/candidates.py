"""The preprocessings that are common among trained networks, as variations of the one in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from nnlens.models.preprocess import Fit, Numbers, Order, Preprocess

IN_USE = "in use"
OWN = "of these images"
COMMON: dict[str, dict[str, Any]] = {
    "0 to 1": {"scale": 1 / 255, "mean": 0, "std": 1},
    "0 to 255": {"scale": 1, "mean": 0, "std": 1},
    "-1 to 1": {"scale": 1 / 127.5, "mean": 1, "std": 1},
    "MNIST": {"scale": 1 / 255, "mean": 0.1307, "std": 0.3081},
}
"""Values by what they are called, for grey and for color."""
COLOR: dict[str, dict[str, Any]] = {
    "ImageNet": {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "Caffe": {"scale": 1, "mean": (123.68, 116.779, 103.939), "std": 1},
}
"""Values for networks of three channels, in the order RGB; in BGR they are turned round."""
GREY: dict[str, dict[str, Any]] = {
    "ImageNet": {"scale": 1 / 255, "mean": 0.449, "std": 0.226},  # the means over its three channels
}
"""Values for networks of one channel."""


@dataclass(frozen=True)
class Candidate:
    """A preprocessing that may be the right one.

    Attributes
    ----------
    name : str
        What its values are called, then in what else it differs from the one in use.
    preprocess : Preprocess
    """

    name: str
    preprocess: Preprocess


def common_candidates(used: Preprocess) -> list[Candidate]:
    """Return the one in use, then the common values in both orders of colors, all with its size and its fit.

    Some may be the same for given samples. Inverted grey is not among them: no option would choose it.
    """
    used = replace(
        used, code=""
    )  # where an architecture's own code is in use, others are tried instead of it
    if used.channels == 1:
        own = [Candidate(IN_USE, used)]
        return own + [Candidate(name, replace(used, **values)) for name, values in (COMMON | GREY).items()]
    return [Candidate(IN_USE, used), *_own_in_other_order(used), *_colored(used)]


def own_candidates(used: Preprocess, pixels: NDArray[np.uint8]) -> list[Candidate]:
    """Return candidates with mean and deviation of the data set itself, as many networks are trained.

    Parameters
    ----------
    used : Preprocess
    pixels : ndarray of uint8, dims (sample, y, x, channel)
        Some images, brought to the size and the channels of the network; RGB or grey.
    """
    values = pixels.reshape(-1, pixels.shape[-1]) / 255
    mean, std = _rounded(values.mean(axis=0)), _rounded(values.std(axis=0))
    if not all(std):
        return []
    found = replace(used, scale=1 / 255, mean=mean, std=std, order="grey" if len(mean) == 1 else "RGB")
    if len(mean) == 1:
        return [Candidate(OWN, found)]
    turned = replace(found, order="BGR", mean=mean[::-1], std=std[::-1])
    if used.order == "RGB":
        return [Candidate(OWN, found), Candidate(f"{OWN}, BGR", turned)]
    return [Candidate(OWN, turned), Candidate(f"{OWN}, RGB", found)]


def other_fits(candidate: Candidate) -> list[Candidate]:
    """Return a candidate with each fit that it does not have."""
    return [
        Candidate(f"{candidate.name}, {fit}", replace(candidate.preprocess, fit=fit))
        for fit in get_args(Fit)
        if fit != candidate.preprocess.fit
    ]


def _own_in_other_order(used: Preprocess) -> Iterator[Candidate]:
    """Yield the values in use with red and blue exchanged: only the order was wrong, or the means were, too."""
    order: Order = "BGR" if used.order == "RGB" else "RGB"
    yield Candidate(f"{IN_USE}, {order}", replace(used, order=order))
    turned = replace(used, order=order, mean=_turned(used.mean), std=_turned(used.std))
    yield Candidate(f"{IN_USE}, {order}, means reversed", turned)


def _colored(used: Preprocess) -> Iterator[Candidate]:
    orders: tuple[Order, Order] = ("RGB", "BGR")
    for name, values in (COMMON | COLOR).items():
        for order in orders:
            found = replace(used, order=order, **values)
            if order == "BGR":
                found = replace(found, mean=_turned(found.mean), std=_turned(found.std))
            yield Candidate(name if order == used.order else f"{name}, {order}", found)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return numbers as people write them."""
    return tuple(round(float(value), 4) for value in values)


def _turned(value: Numbers) -> Numbers:
    return value if isinstance(value, int | float) else tuple(value)[::-1]
