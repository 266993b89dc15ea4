"""What a capture will store and how large that is, decided and shown before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnlens.capturing.contents import sample_layouts
from nnlens.errors import CaptureError
from nnlens.models.base import LayerInfo, Model, layer_named
from nnlens.samples.base import Samples

FLOAT_BYTES = 4
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
IMAGE_SIDE = 64
"""Images up to this side are stored as they are; the longer side of a thumbnail, in pixels."""
IMAGE_BYTES = 500 * 10**6
"""Larger images are stored as they are while all of them together are no more than this."""


@dataclass(frozen=True)
class LayerEstimate:
    """What a layer costs.

    Attributes
    ----------
    info : LayerInfo
    kept : bool
        Whether its activation is stored in full.
    full_bytes, pooled_bytes : int
        Of its activation in full, and of its mean over space, for all samples, uncompressed.
    """

    info: LayerInfo
    kept: bool
    full_bytes: int
    pooled_bytes: int

    @property
    def bytes(self) -> int:
        """What will be stored, in bytes."""
        return self.pooled_bytes + (self.full_bytes if self.kept else 0)


@dataclass(frozen=True)
class CaptureEstimate:
    """What a capture will store; printing it shows a table.

    Attributes
    ----------
    samples : int
    layers : tuple of LayerEstimate
        In order of execution.
    sample_bytes : int
        Of images, logits, labels and the like, for all samples.
    image_shape : tuple of int
        (y, x, channel) of the stored images; smaller than the data set's own where they are thumbnails.
    """

    samples: int
    layers: tuple[LayerEstimate, ...]
    sample_bytes: int
    image_shape: tuple[int, int, int]

    @property
    def kept(self) -> list[str]:
        """Names of the layers that are stored in full."""
        return [layer.info.name for layer in self.layers if layer.kept]

    @property
    def pooled(self) -> list[str]:
        """Names of the layers of which the mean over space is stored."""
        return [layer.info.name for layer in self.layers if layer.pooled_bytes]

    @property
    def bytes(self) -> int:
        """All that will be stored, uncompressed."""
        return self.sample_bytes + sum(layer.bytes for layer in self.layers)

    def __str__(self) -> str:
        rows = [("layer", "output", "in full", "stored")]
        for layer in self.layers:
            shape = "×".join(map(str, layer.info.shape))
            full = size_text(layer.full_bytes)
            rows.append(
                (layer.info.name, shape, f"{full} kept" if layer.kept else full, size_text(layer.bytes))
            )
        rows.append(("samples", "", "", size_text(self.sample_bytes)))
        rows.append(("together", f"{self.samples:,} samples", "", size_text(self.bytes)))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {full:<{widths[2]}}  {stored:>{widths[3]}}".rstrip()
            for name, shape, full, stored in rows
        )


def estimate_capture(
    model: Model,
    samples: Samples,
    layers: Sequence[str] | None = None,
    keep: Sequence[str] | str | None = None,
    budget: int | str = "2GB",
) -> CaptureEstimate:
    """Decide what a capture stores, and how large it will be, without computing anything.

    Parameters
    ----------
    model : Model
    samples : Samples
    layers : sequence of str, optional
        Layers to capture; all that can be captured when left out.
    keep : sequence of str or "all", optional
        Spatial layers to store in full. When left out as many as fit the budget, small ones first and among equals
        those near the head. Flat layers are always stored in full, spatial ones always pooled.
    budget : int or str
        Bytes for activations in full, such as ``"4GB"``; not looked at where `keep` says what to keep.

    Returns
    -------
    CaptureEstimate

    Raises
    ------
    CaptureError
        If a layer does not exist or cannot be captured, or the budget cannot be read.
    """
    chosen = choose_layers(model, layers)
    count = len(samples)
    sizes = {info.name: count * FLOAT_BYTES * math.prod(info.shape) for info in chosen}
    kept = (
        fit_budget(chosen, sizes, parse_bytes(budget)) if keep is None else named_layers(model, chosen, keep)
    )
    estimates = tuple(
        LayerEstimate(
            info,
            not info.spatial or info.name in kept,
            sizes[info.name],
            count * FLOAT_BYTES * info.shape[0] if info.spatial else 0,
        )
        for info in chosen
    )
    image_shape = stored_image_shape(samples)
    drafts = sample_layouts(samples, model.class_count, image_shape, 1)
    return CaptureEstimate(count, estimates, count * sum(draft.sample_bytes for draft in drafts), image_shape)


def choose_layers(model: Model, names: Sequence[str] | None) -> list[LayerInfo]:
    """Return the layers to capture, in order of execution.

    Raises
    ------
    CaptureError
        If a name is not a layer, or the layer's output is no activation.
    """
    if names is None:
        return [layer for layer in model.layers if layer.capturable]
    if isinstance(names, str):
        names = [names]
    chosen = {find_layer(model.layers, name).name for name in names}
    for layer in model.layers:
        if layer.name in chosen and not layer.capturable:
            raise CaptureError(
                f"The layer {layer.name!r} ({layer.kind}) cannot be captured.", "Leave it out."
            )
    return [layer for layer in model.layers if layer.name in chosen]


def find_layer(layers: Sequence[LayerInfo], name: str) -> LayerInfo:
    """Find a layer by name or alias.

    Raises
    ------
    CaptureError
        If there is none; the message names those there are.
    """
    found = layer_named(layers, name)
    if found is None:
        raise CaptureError(
            f"There is no layer {name!r}.", f"There are: {', '.join(layer.name for layer in layers)}."
        )
    return found


def named_layers(model: Model, chosen: Sequence[LayerInfo], keep: Sequence[str] | str) -> set[str]:
    """Return the names of the layers that the caller wants in full."""
    if keep == "all":
        return {info.name for info in chosen}
    names = [keep] if isinstance(keep, str) else keep
    kept = {find_layer(model.layers, name).name for name in names}
    for name in kept - {info.name for info in chosen}:
        raise CaptureError(f"The layer {name!r} is to be kept but not to be captured.", "Name it in layers.")
    return kept


def fit_budget(chosen: Sequence[LayerInfo], sizes: dict[str, int], budget: int) -> set[str]:
    """Return the layers to store in full: flat ones, then spatial ones while the budget lasts."""
    kept = {info.name for info in chosen if not info.spatial}
    left = budget - sum(sizes[name] for name in kept)
    spatial = [(sizes[info.name], -place, info.name) for place, info in enumerate(chosen) if info.spatial]
    for size, _, name in sorted(spatial):
        if size > left:
            break
        kept.add(name)
        left -= size
    return kept


def stored_image_shape(samples: Samples) -> tuple[int, int, int]:
    """Return the form in which images are stored: their own, or that of a thumbnail where they are large or differ."""
    if samples.image_shape is None:
        return IMAGE_SIDE, IMAGE_SIDE, samples.channels
    height, width, channels = samples.image_shape
    side = max(height, width)
    if side <= IMAGE_SIDE or len(samples) * height * width * channels <= IMAGE_BYTES:
        return height, width, channels
    return max(1, round(height * IMAGE_SIDE / side)), max(1, round(width * IMAGE_SIDE / side)), channels


def parse_bytes(text: int | str) -> int:
    """Read a number of bytes such as ``"4GB"``, ``"500 MB"`` or ``2_000_000``.

    Raises
    ------
    CaptureError
        If it cannot be read.
    """
    if isinstance(text, int):
        return text
    cleaned = text.strip().upper().removesuffix("B").removesuffix("I").strip()
    number, unit = (cleaned[:-1], cleaned[-1]) if cleaned[-1:] in UNITS and cleaned[-1:] else (cleaned, "")
    try:
        size = float(number) * UNITS[unit]
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise CaptureError(f"{text!r} is no number of bytes.", 'Write it like "4GB" or "500MB".')
    return int(size)


def size_text(size: float) -> str:
    """Write a number of bytes for people: ``"1.3 GB"``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
