"""A map on its way out: what is in view as a picture, and the coordinates of all its samples."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nnlens.export.pictures import Label, Picture, zipped
from nnlens.export.words import file_stem
from nnlens.state import Mask
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import Download
from nnlens.ui.look.palette import TOKENS, palette_pixels
from nnlens.ui.maps.scene import Scene

SHARPNESS = 2
"""Pixels of the picture to one on the screen."""


def map_downloads(session: Session, scene: Scene) -> list[Download]:
    """Offer a map as a picture, with its values, and as both in a zip."""

    def name(ending: str) -> Any:
        return lambda: f"{_stem(session, scene)}{ending}"

    def everything() -> bytes:
        picture, stem = map_picture(session, scene), _stem(session, scene)
        files = ((".png", picture.png), (".svg", picture.svg), (".npz", picture.npz))
        return zipped((f"{stem}{ending}", make()) for ending, make in files)

    return [
        Download("Picture (PNG)", name(".png"), lambda: map_picture(session, scene).png()),
        Download("Picture (SVG)", name(".svg"), lambda: map_picture(session, scene).svg()),
        Download("Coordinates and ids (npz)", name(".npz"), lambda: map_picture(session, scene).npz()),
        Download("All of these (zip)", name(".zip"), everything),
    ]


def _stem(session: Session, scene: Scene) -> str:
    projection = scene.projection
    return file_stem(
        session.data.name, projection.title if projection else "map", projection.key[:8] if projection else ""
    )


def map_picture(session: Session, scene: Scene) -> Picture:
    """Draw what is in view of a map, twice as sharp as on the screen, with its title and the names of the classes."""
    drawn = copy.copy(scene)
    drawn.look(scene.view, SHARPNESS * scene.width, SHARPNESS * scene.height)
    mode, drawn.mode, drawn.sized = scene.mode, "pixels", True
    mask, tokens = session.state.mask, TOKENS[session.theme]
    palette = palette_pixels(scene.palette(session.theme), tokens["surface"])
    image = Image.fromarray(palette[drawn.pixels(mask)][::-1])
    if mode != "pixels":
        drawn.mode = "dots"
        _draw_dots(image, drawn, mask, palette)
    names = drawn.names(mask)
    x0, y1, unit = drawn.view[0], drawn.view[3], drawn.unit()
    labels = [
        Label((x - x0) / unit, (y1 - y) / unit, text)
        for x, y, text in zip(names["x"], names["y"], names["text"], strict=True)
    ]
    projection = scene.projection
    return Picture(
        np.asarray(image),
        projection.title if projection else "",
        projection.caption if projection else "",
        labels,
        _values(session, scene),
        tokens["ink"],
        tokens["surface"],
        SHARPNESS,
    )


def _draw_dots(image: Image.Image, scene: Scene, mask: Mask | None, palette: Any) -> None:
    """Draw a dot for each sample in view, as large as the page does."""
    ground = tuple(int(part) for part in palette[0])
    image.paste(ground, (0, 0, *image.size))
    draw, dots = ImageDraw.Draw(image), scene.dots(mask)
    for x, y, place, size in zip(dots["x"], dots["y"], dots["place"], dots["size"], strict=True):
        radius = SHARPNESS * float(size) / 2
        left, top = (x - scene.view[0]) / scene.unit(), (scene.view[3] - y) / scene.unit()
        box = (left - radius, top - radius, left + radius, top + radius)
        draw.ellipse(box, tuple(int(part) for part in palette[place]), ground, 1)


def _values(session: Session, scene: Scene) -> dict[str, Any]:
    """Return the coordinates of all samples of the map, with their ids."""
    projection, data, mask = (
        scene.solid,
        session.data,
        session.state.mask,
    )  # as computed, however it is turned
    if projection is None:
        return {}
    at = projection.positions
    values: dict[str, Any] = {
        "sample": data.ids[at],
        "projection": np.column_stack(
            [axis for axis in (projection.x, projection.y, projection.z) if axis is not None]
        ),
        "label": data.label[at],
        "selected": np.zeros(len(at), bool) if mask is None else mask[at],
        "view": np.array(scene.view),
        "turn": np.array(scene.turn),
        "class_names": np.array(data.class_names, np.str_),
    }
    return values | ({"prediction": data.prediction[at], "loss": data.loss[at]} if data.scored else {})
