"""Where in a stored picture lies what a place of a layer sees: the network saw it stretched, cut or padded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session

Box = tuple[float, float, float, float]
"""Left, top, width and height as shares of a picture."""


def frames(session: Session, samples: Sequence[int], patches: ArrayLike, size: tuple[int, int]) -> list[Box]:
    """Place patches of the network's input in the stored pictures.

    Parameters
    ----------
    session : Session
    samples : sequence of int
        Ids.
    patches : array_like, dims (sample, edge)
        Top, left, bottom, right in pixels of the input, the last two exclusive.
    size : tuple of int
        Height and width of the input.
    """
    told = session.lens.store.metadata if session.lens else {}
    pictures = session.data.images(list(samples))
    small = bool(told.get("thumbnails"))
    # pictures of many forms are stored in one square, on black
    square = small and pictures.shape[1] == pictures.shape[2]
    shown = [content(picture) if square else (0, 0, *picture.shape[:2]) for picture in pictures]
    fit = told.get("preprocess") or {}
    return [
        place(patch, size, inner, picture.shape[:2], fit, small)
        for patch, inner, picture in zip(np.asarray(patches, float), shown, pictures, strict=True)
    ]


def place(
    patch: NDArray[Any],
    size: tuple[int, int],
    inner: tuple[int, int, int, int],
    whole: tuple[int, int],
    fit: Mapping[str, Any],
    small: bool = False,
) -> Box:
    """Place one patch.

    Parameters
    ----------
    patch : ndarray, dims (edge,)
    size : tuple of int
        Height and width of the input.
    inner : tuple of int
        Top, left, height and width of the picture within what is stored.
    whole : tuple of int
        Height and width of what is stored.
    fit : mapping
        The preprocessing: ``fit`` and ``share``.
    small : bool
        Whether the picture is stored smaller than it was.
    """
    scales = factors(size, inner[2:], fit, small)
    ends = []
    for axis in (0, 1):
        length = inner[2 + axis] * scales[axis]  # of the picture as it was laid on the input
        edges = (patch[axis::2] + (length - size[axis]) / 2) / length
        ends.append((inner[axis] + np.clip(edges, 0, 1) * inner[2 + axis]) / whole[axis])
    (top, bottom), (left, right) = ends
    return float(left), float(top), float(right - left), float(bottom - top)


def factors(
    size: tuple[int, int], shape: Sequence[int], fit: Mapping[str, Any], small: bool
) -> tuple[float, float]:
    """Return by how much the picture was enlarged in y and x, as `nnlens.models.preprocess` does it."""
    ratios = (size[0] / shape[0], size[1] / shape[1])
    kind = fit.get("fit", "stretch")
    if kind == "stretch" or (tuple(shape) == tuple(size) and not small):
        return ratios
    if kind == "crop":
        return (max(ratios) / float(fit.get("share", 1)),) * 2
    # a smaller picture is padded, not enlarged; one that is stored smaller was larger than the input
    return (min(ratios) if small else min(1.0, *ratios),) * 2


def content(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a picture that lies in the middle of a black square."""
    bright = picture.max(axis=-1)
    whole = (0, 0, picture.shape[0], picture.shape[1])
    rows, columns = (np.flatnonzero(bright.max(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return whole
    top, bottom = int(rows[0]), picture.shape[0] - 1 - int(rows[-1])
    left, right = int(columns[0]), picture.shape[1] - 1 - int(columns[-1])
    # its longer side fills the square, and it lies in the middle: else the picture itself is black at an edge
    if min(max(top, bottom), max(left, right)) > 0 or max(abs(top - bottom), abs(left - right)) > 1:
        return whole
    return top, left, picture.shape[0] - top - bottom, picture.shape[1] - left - right
