"""From points to one byte a pixel: datashader counts, a small compiled step turns counts into palette places.

At 60,000 samples on 424 × 380 pixels each takes about 3 ms; shading to RGBA as usual would take 50 and send four times
the bytes. The step lies in this module, not in a served script: compiled code that is kept between starts must be
importable.
"""

from __future__ import annotations

import math
from typing import Any

import datashader as ds
import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nnlens.state import Extent, Mask
from nnlens.ui.look.palette import LEVELS, SLOTS, STEPS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
NO_VALUE = 2 * STEPS + 1
"""The place of samples without a value, in a palette of values."""
_SLOTS = tuple(str(i) for i in range(2 * (SLOTS + 1)))
_CHOSEN = ("0", "1")
RAISED = 1 << 30
NEAREST = 12.0
"""Samples that one in front counts for, of a body that is turned."""
PER_LEVEL = 1.8
"""Levels a doubling of the samples in a pixel: about forty have the full color."""
_LEVEL = np.array(
    [
        0,
        *(
            min(LEVELS - 1, int(np.log2(n) * PER_LEVEL))
            for n in range(1, 1 + 2 ** math.ceil(LEVELS / PER_LEVEL))
        ),
    ],
    np.uint8,
)
"""The level of so many samples; of more it is the last."""


def point_side(samples: int) -> int:
    """Choose how many pixels a side a point covers: of 60,000 lone pixels one sees dust, a million need no help."""
    return 1 if samples > 300_000 else 2 if samples > 8_000 else 3


def class_image(
    x: Floats,
    y: Floats,
    slots: Bytes,
    chosen: Mask | None,
    view: Extent,
    width: int,
    height: int,
    near: Floats | None = None,
) -> Bytes:
    """Draw points by class.

    Parameters
    ----------
    x, y : ndarray, dims (sample,), float32
    slots : ndarray, dims (sample,), uint8
        The color of each, as `palette.ClassColors.slots` gives it.
    chosen : ndarray of bool, dims (sample,), or None
        Which are selected and lie above the others; None draws all of them full.
    view : tuple of float
        ``x0, y0, x1, y1``.
    width, height : int
        Pixels.
    near : ndarray, dims (sample,), float32, optional
        How near each is to the eye: the near ones count for several, so that the far ones are paler and behind.

    Returns
    -------
    ndarray, dims (y, x), uint8
        Places in `palette.class_palette`; the first row is the lowest.
    """
    codes = slots * np.uint8(2) + (np.uint8(1) if chosen is None else chosen)
    reach = _reach(point_side(len(x)))
    if near is not None and len(near):
        counts = np.zeros((max(height, 1), max(width, 1), len(_SLOTS)), np.uint32)
        hit = np.zeros(counts.shape[:2], np.bool_)
        _add(x, y, codes, weights(near), np.array(view, np.float64), counts, hit)
        return _class_places(counts, hit, reach)
    frame = pd.DataFrame({"x": x, "y": y, "code": pd.Categorical.from_codes(codes.astype(np.int8), _SLOTS)})
    counts = _canvas(view, width, height).points(frame, "x", "y", ds.by("code", ds.count())).values
    return _class_places(np.ascontiguousarray(counts), np.ones(counts.shape[:2], np.bool_), reach)


def weights(near: Floats) -> NDArray[np.uint32]:
    """Count a sample for one at the very back and for `NEAREST` in front."""
    low, high = float(near.min()), float(near.max())
    share = (near - np.float32(low)) / np.float32(max(high - low, 1e-12))
    return np.round(np.float32(NEAREST) ** share).astype(np.uint32)


def value_image(
    x: Floats, y: Floats, steps: Bytes, chosen: Mask | None, view: Extent, width: int, height: int
) -> Bytes:
    """Draw points by a number; where several share a pixel the highest shows.

    Parameters
    ----------
    x, y, chosen, view, width, height
        As in `class_image`.
    steps : ndarray, dims (sample,), uint8
        As `value_steps` gives it.

    Returns
    -------
    ndarray, dims (y, x), uint8
        Places in `palette.value_palette`.
    """
    codes = np.ones(len(x), np.int8) if chosen is None else chosen.astype(np.int8)
    frame = pd.DataFrame({
        "x": x, "y": y, "step": steps.astype(np.float32), "chosen": pd.Categorical.from_codes(codes, _CHOSEN)
    })  # fmt: skip
    highest = _canvas(view, width, height).points(frame, "x", "y", ds.by("chosen", ds.max("step"))).values
    return _value_places(np.ascontiguousarray(highest, np.float32), _reach(point_side(len(x))))


def value_steps(values: NDArray[Any], logarithmic: bool) -> Bytes:
    """Cut numbers into the steps of a palette, dims (sample,): 1 is the lowest of `STEPS`, 0 is no number.

    The highest number has the last step. On a logarithmic scale the lower half of all samples share the first: losses
    reach over many decades, and of those under the median nobody asks which is which.
    """
    numbers = np.asarray(values, np.float64)
    there = np.isfinite(numbers)
    if not there.any():
        return np.zeros(len(numbers), np.uint8)
    if logarithmic:
        floor = numbers[there & (numbers > 0)].min(initial=1.0)
        numbers = np.log10(np.maximum(np.where(there, numbers, floor), floor))
    low, high = np.percentile(numbers[there], [50 if logarithmic else 1, 100])
    share = (np.where(there, numbers, low) - low) / max(high - low, 1e-12)
    return np.where(there, 1 + np.clip(share * (STEPS - 1), 0, STEPS - 1), 0).astype(np.uint8)


def warm() -> None:
    """Compile everything before the first page needs it; takes two seconds, mostly datashader's own."""
    point, chosen = np.zeros(1, np.float32), np.ones(1, bool)
    for draw in (class_image, value_image):
        for mask in (None, chosen):
            draw(point, point, np.ones(1, np.uint8), mask, (-1.0, -1.0, 1.0, 1.0), 8, 8)
    class_image(point, point, np.ones(1, np.uint8), None, (-1.0, -1.0, 1.0, 1.0), 8, 8, point)


def _canvas(view: Extent, width: int, height: int) -> ds.Canvas:
    x0, y0, x1, y1 = view
    return ds.Canvas(max(width, 1), max(height, 1), (x0, max(x1, x0 + 1e-9)), (y0, max(y1, y0 + 1e-9)))


def _reach(side: int) -> NDArray[np.intp]:
    """List the pixels that a point covers, as rows and columns away from it."""
    away = range(-(side // 3), side - side // 3)
    return np.array([(row, column) for row in away for column in away])


@numba.njit(cache=True, nogil=True)
def _add(x, y, codes, weight, view, counts, hit):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Add the weights of points to the pixels that they lie in, as datashader counts them; it sums ten times slower."""
    height, width, _ = counts.shape
    across, up = width / (view[2] - view[0]), height / (view[3] - view[1])
    for i in range(len(x)):
        px, py = np.float64(x[i]), np.float64(y[i])
        if view[0] <= px <= view[2] and view[1] <= py <= view[3]:
            column = min(int((px - view[0]) * across), width - 1)
            row = min(int((py - view[1]) * up), height - 1)
            counts[row, column, codes[i]] += weight[i]
            hit[row, column] = True


@numba.njit(cache=True, nogil=True)
def _class_places(counts, hit, reach):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give every pixel the selected class with the most samples, else the unselected one, of what reaches it.

    Pixels that nothing hit are not looked at: most of the counts are then never touched, and take no memory.
    """
    height, width, codes = counts.shape
    best = np.zeros(
        (height, width), np.int32
    )  # samples × 64 + code; selected ones are raised above all others
    for row in range(height):
        for column in range(width):
            if not hit[row, column]:
                continue
            score = 0
            for code in range(codes):
                n = int(min(counts[row, column, code], 1 << 20))
                if n > 0:
                    score = max(score, n * 64 + code + (code & 1) * RAISED)
            if score > 0:
                _spread(best, row, column, score, reach)
    places = np.zeros((height, width), np.uint8)
    for row in range(height):
        for column in range(width):
            score = best[row, column]
            if score > 0:
                n, code = (score % RAISED) // 64, score % 64
                places[row, column] = 1 + code * LEVELS + _LEVEL[min(n, len(_LEVEL) - 1)]
    return places


@numba.njit(cache=True, nogil=True)
def _value_places(highest, reach):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give every pixel the highest selected value, else the highest unselected one, of what reaches it."""
    height, width, _ = highest.shape
    best = np.zeros((height, width), np.int32)  # 1 + step, raised for the selected; 0 is an empty pixel
    for row in range(height):
        for column in range(width):
            for chosen in range(2):
                value = highest[row, column, chosen]
                if not np.isnan(value):
                    _spread(best, row, column, 1 + int(value) + 256 * chosen, reach)
    places = np.zeros((height, width), np.uint8)
    for row in range(height):
        for column in range(width):
            score = best[row, column]
            if score > 0:
                step = (score - 1) % 256
                places[row, column] = NO_VALUE if step == 0 else step + (STEPS if score > 256 else 0)
    return places


@numba.njit(cache=True, nogil=True)
def _spread(best, row, column, score, reach):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Raise the pixels that a point covers to its score."""
    height, width = best.shape
    for k in range(len(reach)):
        r, c = row + reach[k, 0], column + reach[k, 1]
        if 0 <= r < height and 0 <= c < width:
            best[r, c] = max(best[r, c], score)
