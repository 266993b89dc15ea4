"""The small map of the whole, beside a part of it that is looked at closely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlens.state import Extent
from nnlens.ui.core import raster
from nnlens.ui.look.pictures import data_url
from nnlens.ui.maps.scene import Scene

SIDE = 84
"""Pixels a side."""
CLOSE = 0.5
"""Share of the whole under which a view is close enough for it."""


class Inset:
    """Draws the whole of a scene, once for each thing that it may look like.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._drawn: tuple[Any, str] | None = None

    def address(self, palette: Sequence[str], whole: Extent) -> str:
        """Return the picture as an address; nothing where most of the map is in view anyway."""
        scene = self.scene
        near = scene.view[2] - scene.view[0] < CLOSE * (whole[2] - whole[0])
        if scene.projection is None or not near or scene.mode == "pixels":
            return ""
        key = (scene.projection, scene.by, tuple(scene.visible or ()), palette)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, self._draw(palette))
        return self._drawn[1]

    def _draw(self, palette: Sequence[str]) -> str:
        scene = self.scene
        if scene.projection is None:
            return ""
        rows = scene.rows()
        x, y = scene.projection.x[rows], scene.projection.y[rows]
        draw = raster.class_image if scene.by_class else raster.value_image
        tint = scene.tint(scene.projection.positions[rows])
        places = draw(x, y, tint, None, scene.projection.extent, SIDE, SIDE)
        colors = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in palette], np.uint8)
        shown = np.dstack([colors[places], np.where(places > 0, 255, 0).astype(np.uint8)])
        return data_url(shown[::-1])
