"""The strip of layers on its way out: boxes, connections, words and faces as they stand, with their values."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.export.drawing import Drawing, Line, Raster, Rect, Shape, Words
from nnlens.ui.architecture import boxes
from nnlens.ui.architecture.folding import Part, face_of, title_of
from nnlens.ui.architecture.layout import HEIGHT
from nnlens.ui.architecture.naming import short
from nnlens.ui.architecture.placed import Box
from nnlens.ui.architecture.placed import Line as Wire
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import figure_downloads, stem
from nnlens.ui.look.palette import TOKENS, rgb

if TYPE_CHECKING:
    from nnlens.ui.architecture.strip import Strip

BENDS = 12
"""Pieces of a bend."""
DRAW = 58.0
"""Pixels that the boxes have, as on the page."""


def strip_out(strip: Strip) -> TakeOut:
    """Return the button that takes the network out."""
    name = stem(strip.session, "network")
    downloads = figure_downloads(name, lambda: strip_figure(strip))
    return TakeOut(strip.session, "take the network out", downloads, margin=(4, 8, 0, 0))


def strip_figure(strip: Strip) -> Drawing:
    """Draw the network as it is folded."""
    scene, session = strip.scene, strip.session
    tokens, layout, labelled = TOKENS[session.theme], scene.layout, scene.labelled()
    shapes: list[Shape] = [Line(_bent(wire), tokens["line2"]) for wire in layout.lines]
    for part in scene.shown:
        shapes += _box(strip, part, layout.boxes[part.key], tokens)
        if part.key in labelled:
            shapes += _label(strip, part, layout.boxes[part.key], tokens)
    focus = session.state.focus
    caption = f"{len(scene.layers)} layers" + (
        "" if focus is None else f" · faces: mean activation of sample {focus:,}"
    )
    return Drawing(
        layout.width,
        DRAW + 36,
        shapes,
        _values(strip),
        session.data.name,
        caption,
        tokens["ink"],
        tokens["surface"],
    )


def _down(y: float) -> float:
    return y / HEIGHT * DRAW


def _bent(wire: Wire) -> list[tuple[float, float]]:
    """Return the points of a connection: level parts, and bends that begin and end level."""
    (x, y), *rest = wire.points
    points = [(x, _down(y))]
    for end_x, end_y in rest:
        for share in np.linspace(0, 1, BENDS + 1)[1:] if end_y != y else [1.0]:
            # a cubic whose handles are level and reach to the middle
            along = 1.5 * share * (1 - share) + share**3 if end_y != y else share
            points.append((x + (end_x - x) * along, _down(y + (end_y - y) * share * share * (3 - 2 * share))))
        x, y = end_x, end_y
    return points


def _box(strip: Strip, part: Part, box: Box, tokens: Any) -> list[Shape]:
    """Draw the sheets of a box, its face, and the pins of the maps that show it."""
    left, top = box.x - box.width / 2, _down(box.y) - box.height / 2
    many = boxes.sheets(face_of(part)) if box.over else 0
    step = box.over / max(many, 1)
    shapes: list[Shape] = [
        Rect(left + step * at, top - step * at, box.width, box.height, tokens["fill"], tokens["line2"])
        for at in range(many, 0, -1)
    ]
    pins = {"A": strip.session.state.map_a.layer, "B": strip.session.state.map_b.layer}
    shown = [pin for pin, layer in pins.items() if layer in {each.name for each in part.leaves}]
    ground = tokens["fill"] if boxes.is_bar(part) else tokens["surface"]
    shapes.append(Rect(left, top, box.width, box.height, ground))
    face = _face(strip, face_of(part).name)
    if face is not None and not boxes.is_bar(part):
        shapes.append(Raster(left, top, box.width, box.height, _inked(face, tokens["ink"])))
    shapes.append(Rect(left, top, box.width, box.height, "", tokens["ink"] if shown else tokens["edge"]))
    for place, pin in enumerate(shown):
        x = left - 8 + 17 * place
        shapes += [Rect(x, top - 6, 16, 16, tokens["ink"])]
        shapes += [Words(x + 8, top + 6, pin, 11, tokens["surface"], "middle", bold=True)]
    return shapes


def _label(strip: Strip, part: Part, box: Box, tokens: Any) -> list[Shape]:
    layer = face_of(part)
    value = strip.measures.words.get(layer.name, "")
    words = " ".join(filter(None, [boxes.shape_words(layer), value]))
    return [
        Words(box.x, DRAW + 15, short(title_of(part), boxes.SIGNS), 11, tokens["ink"], "middle", bold=True),
        Words(box.x, DRAW + 30, words, 10, tokens["ink3"], "middle"),
    ]


def _face(strip: Strip, layer: str) -> NDArray[np.uint8] | None:
    """Return the face of a layer as the page has it: grey with opacity, or a picture; None where there is none."""
    url, _ = strip.view.faces.get(str(strip.place(layer)), ("", ""))
    if not url.startswith("data:image/png;base64,"):
        return None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def _inked(face: NDArray[np.uint8], ink: str) -> NDArray[np.uint8]:
    """Color a face: its opacity is ink."""
    if face.ndim != 3 or face.shape[-1] != 2:
        return face
    return np.dstack([np.broadcast_to(rgb(ink), (*face.shape[:2], 3)), face[..., 1]]).astype(np.uint8)


def _values(strip: Strip) -> dict[str, Any]:
    """Return the layers, the edges between them, and the faces, by the place of their layer."""
    scene = strip.scene
    faces = {place: _face(strip, layer.name) for place, layer in enumerate(scene.layers)}
    return {
        "layer": [layer.name for layer in scene.layers],
        "kind": [layer.kind for layer in scene.layers],
        "shape": ["×".join(map(str, layer.shape)) for layer in scene.layers],
        "parameters": [layer.parameters for layer in scene.layers],
        "edge": np.array([list(edge) for edge in scene.edges], np.str_).reshape(-1, 2),
        strip.measures.title.replace(" ", "_") or "measure": [
            strip.measures.words.get(layer.name, "") for layer in scene.layers
        ],
        **{f"face_{place}": face for place, face in faces.items() if face is not None},
    }
