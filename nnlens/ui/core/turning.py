"""A projection of three components, turned on the server into two: brush, hover and pictures then work as ever.

Sixty thousand samples take a millisecond.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from nnlens.state import FRONT, Turn
from nnlens.ui.core.projection import Projection

UPRIGHT = 90.0


def turned(projection: Projection, turn: Turn) -> Projection:
    """Look at a projection from elsewhere: its middle and its extent stay, its key and its samples too.

    Parameters
    ----------
    projection : Projection
        As it was computed; one of two components stays as it is.
    turn : tuple of float
        Azimuth and elevation in degrees: what is in front moves right with the first, and up with the second.
    """
    if projection.z is None or turn == FRONT:
        return projection
    across, up = (math.radians(angle) for angle in turn)
    axes = (projection.x, projection.y, projection.z)
    middles = [np.float32((axis.min() + axis.max()) / 2) if len(axis) else np.float32(0) for axis in axes]
    x, y, z = (axis - middle for axis, middle in zip(axes, middles, strict=True))
    cos, sin = np.float32(math.cos(across)), np.float32(math.sin(across))
    x, z = cos * x + sin * z, cos * z - sin * x
    cos, sin = np.float32(math.cos(up)), np.float32(math.sin(up))
    y, z = cos * y + sin * z, cos * z - sin * y
    x, y, z = (axis + middle for axis, middle in zip((x, y, z), middles, strict=True))
    return replace(projection, x=x, y=y, z=z)


def moved(turn: Turn, across: float, up: float) -> Turn:
    """Turn on by so many degrees: around as often as one likes, up to upright and no further."""
    azimuth = (turn[0] + across + 180) % 360 - 180
    return (round(azimuth, 1), round(min(max(turn[1] + up, -UPRIGHT), UPRIGHT), 1))


def read_turn(value: Any) -> Turn:
    """Read a turn that may come from an address; the front where it is none."""
    try:
        across, up = (float(angle) for angle in value)
    except (TypeError, ValueError):
        return FRONT
    return moved(FRONT, across, up) if math.isfinite(across) and math.isfinite(up) else FRONT
