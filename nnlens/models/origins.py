"""What torchvision and timm tell of the images that their networks were trained on. Neither is imported here.

torchvision keeps it with the weights that it offers for a builder, timm with the network. A user who brings their own
weights most often trained with the same, so it is the default; a note says where it comes from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import floor
from typing import Any, cast, get_args

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture
from nnlens.models.preprocess import Preprocess, Resample

TORCHVISION = "torchvision.models"
BY_NAME = frozenset({"get_model"})
"""Builders of torchvision whose first argument is the name of another."""

Told = tuple[Preprocess, tuple[str, ...]]


def told_by_origin(architecture: Architecture | None, network: object, file_name: str) -> Told | None:
    """Return the preprocessing that torchvision or timm tell for a network, with a note; None where neither does.

    Parameters
    ----------
    architecture : Architecture or None
        What built it.
    network : object
    file_name : str
        Of the weights: torchvision's own files are told by their names.
    """
    try:
        return _of_timm(network) or (
            None if architecture is None else _of_torchvision(architecture, file_name)
        )
    except (ModelError, AttributeError, LookupError, TypeError, ValueError):
        return None  # made otherwise than known: then the user has to say it


def _of_timm(network: object) -> Told | None:
    found = getattr(network, "pretrained_cfg", None) or getattr(network, "default_cfg", None)
    if not isinstance(found, Mapping) or not {"input_size", "mean", "std"} <= set(found):
        return None
    channels, height, width = found["input_size"]
    side, share = min(height, width), float(found.get("crop_pct") or 1)
    preprocess = Preprocess(
        (height, width) if height != width else height,
        fit="stretch" if found.get("crop_mode") == "squash" else "crop",
        resample=_resample(found.get("interpolation")),
        mean=_numbers(found["mean"], channels),
        std=_numbers(found["std"], channels),
        order="grey" if channels == 1 else "RGB",
        share=min(1.0, side / floor(side / share)),
    )
    name = found.get("architecture") or type(network).__name__
    return preprocess, (f"How images become inputs is what timm says of {name}: {preprocess.words}.",)


def _of_torchvision(architecture: Architecture, file_name: str) -> Told | None:
    builder: Any = getattr(architecture.build, "func", architecture.build)
    module, name = str(getattr(builder, "__module__", "")), str(getattr(builder, "__name__", ""))
    if not f"{module}.".startswith(f"{TORCHVISION}."):
        return None
    if name in BY_NAME:
        given = cast(Any, architecture.build)
        name = str(given.args[0] if given.args else given.keywords["name"])
    find: Callable[[str], Any] = vars(sys.modules[TORCHVISION])["get_model_weights"]
    offered = find(name)
    weights = next(
        (each for each in offered if file_name and each.url.endswith(f"/{file_name}")), offered.DEFAULT
    )
    transforms = weights.transforms()
    side, resized = transforms.crop_size[0], transforms.resize_size[0]
    preprocess = Preprocess(
        side,
        fit="crop",
        resample=_resample(getattr(transforms.interpolation, "value", None)),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        share=min(1.0, side / resized),
    )
    return preprocess, (
        f"How images become inputs is what torchvision says of {weights}: {preprocess.words}.",
    )


def _resample(name: object) -> Resample:
    return cast(Resample, name) if name in get_args(Resample) else "bilinear"


def _numbers(values: Any, channels: int) -> float | tuple[float, ...]:
    numbers: Sequence[float] = tuple(map(float, values))
    return numbers[0] if channels == 1 else tuple(numbers)
