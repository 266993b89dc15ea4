"""How large a layer is drawn: its face by its output's height and width, its sheets by its channels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nnlens.models.base import LayerInfo
from nnlens.ui.architecture.folding import Part, face_of, is_minor, title_of
from nnlens.ui.architecture.naming import short
from nnlens.ui.architecture.placed import Size

SHEETS, STEP = 6, 1.5
"""Most sheets behind a face, and pixels between two."""
LEAST, MOST = 14.0, 44.0
"""Pixels of a face of one value, and of the largest of the network."""
FRAMED = 0.75
BAR = (7.0, 24.0)
FLAT = 12.0
SMALLEST = 8
"""Height and width, at least, of what is drawn as large as may be: a network of 1 × 1 has no large faces."""
SIGNS, SIGN = 10, 6.0
"""Signs of a name below a box, and pixels of one."""


def largest(layers: Iterable[LayerInfo]) -> int:
    """Return the largest height or width of a network's outputs."""
    return max([SMALLEST, *(max(layer.shape[1:]) for layer in layers if layer.spatial)])


def sheets(layer: LayerInfo) -> int:
    """Return how many sheets stand behind a face."""
    return min(SHEETS, round(math.log2(max(layer.shape[0], 1)) / 1.7)) if layer.spatial else 0


def size_of(part: Part, top: int, labelled: bool, framed: bool = False) -> Size:
    """Return what a box asks for.

    Parameters
    ----------
    part : Leaf or Group
    top : int
        The largest height or width of the network.
    labelled : bool
        Whether words stand below it; bars have none.
    framed : bool
        Whether it stands within a frame, where boxes are smaller.
    """
    layer = face_of(part)
    if is_bar(part):
        return Size(part.key, *BAR)
    words = max(len(short(title_of(part), SIGNS)), min(len(shape_words(layer)), SIGNS)) * SIGN
    label = min(words, SIGNS * SIGN) if labelled else 0.0
    if layer.spatial:
        height, width = (_scaled(side, LEAST, top) for side in layer.shape[1:])
        share = FRAMED if framed else 1.0
        return Size(part.key, share * width, share * height, share * STEP * sheets(layer), label)
    units = math.prod(layer.shape) if layer.shape else 1
    return Size(part.key, FLAT, _scaled(units, 20.0, 4096), 0.0, label)


def is_bar(part: Part) -> bool:
    """Whether a box is a plain bar without words."""
    return is_minor(face_of(part)) and not hasattr(part, "parts")


def shape_words(layer: LayerInfo) -> str:
    """Return a shape as words: ``32×26×26``; of a square map its side once where that is long."""
    whole = "×".join(map(str, layer.shape))
    square = layer.spatial and layer.shape[1] == layer.shape[2]
    return "×".join(map(str, layer.shape[:2])) if square and len(whole) > SIGNS else whole


def _scaled(count: int, least: float, top: int) -> float:
    """Scale a count to pixels by its logarithm."""
    return least + (MOST - least) * min(math.log2(max(count, 1)) / math.log2(top), 1.0)


def folds(rows: int, height: float, width: float) -> int:
    """Return how many columns show the units of a flat layer best in a box."""
    return max(1, min(rows, round(math.sqrt(rows * width / height))))
