"""Maps of what counts on their way out: each picture of the inspector with the values under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image

from nnlens.errors import ExportError, NNLensError
from nnlens.export.drawing import Drawing, Raster, Shape, Words
from nnlens.export.words import file_stem
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import ROOM, bundle_download, figure_downloads, stem
from nnlens.ui.inspector.figures import Figure, short
from nnlens.ui.inspector.looking import LABEL, PREDICTED
from nnlens.ui.look.heat import Heat
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.text import plain

if TYPE_CHECKING:
    from nnlens.ui.inspector.attributions import Attributions

SIDE, GAP = 224, 16


def maps_out(shown: Attributions) -> TakeOut:
    """Return the button that takes the pictures of the sample that is looked at out."""
    session, looking = shown.session, shown.looking
    name = stem(
        session, "attribution", lambda: f"sample {looking.sample}", lambda: looking.first.rpartition(":")[2]
    )
    offered = figure_downloads(name, lambda: side_by_side(shown))
    offered.append(bundle_download("Each map (zip)", name, lambda: each_map(shown)))
    return TakeOut(session, "take the maps out", offered, width=ROOM, height=ROOM)


def _maps(shown: Attributions) -> list[Figure]:
    """Return what is there to be seen, the picture first."""
    looking = shown.looking
    there = [each for each in shown.figures() if each.heat is not None] if looking.sample is not None else []
    if not there:
        raise ExportError("No map is shown.", "Click a sample; a map that takes long is computed on demand.")
    return [Figure("input", "input", "what the network saw"), *there]


def side_by_side(shown: Attributions) -> Drawing:
    """Draw all pictures in a row, each with its scale."""
    figures = _maps(shown)
    shapes: list[Shape] = []
    for place, figure in enumerate(figures):
        shapes += _panel(shown, figure, place * (SIDE + GAP))
    values = {
        f"{each.name}_{name}": value
        for each in figures
        for name, value in _values(shown, each).items()
        if name not in ("sample", "target", "image")
    }
    values |= {"image": _input(shown), **_whose(shown)}
    return _drawn(shown, shapes, len(figures) * (SIDE + GAP) - GAP, values, _title(shown))


def each_map(shown: Attributions) -> dict[str, Drawing]:
    """Draw each picture by itself."""
    return {
        file_stem(f"{place}", each.name, each.caption): _drawn(
            shown, _panel(shown, each, 0), SIDE, _values(shown, each), _title(shown)
        )
        for place, each in enumerate(_maps(shown))
    }


def _drawn(shown: Attributions, shapes: Sequence[Shape], width: float, values: Any, title: str) -> Drawing:
    tokens = TOKENS[shown.session.theme]
    return Drawing(
        max(width, 320), SIDE + 36, shapes, values, title, _caption(shown), tokens["ink"], tokens["surface"]
    )


def _title(shown: Attributions) -> str:
    return f"What counts in sample {shown.looking.sample:,}"


def _caption(shown: Attributions) -> str:
    data, target = shown.session.data, shown.looking.target
    words = {PREDICTED: "the predicted class", LABEL: "the label"}
    named = words.get(target) or data.class_name(int(target))
    return f"target: {plain(named, 40)}"


def _panel(shown: Attributions, figure: Figure, x: float) -> list[Shape]:
    """Draw one picture as the page does: the map over what the network saw, its caption, the ends of its scale."""
    tokens, heat = TOKENS[shown.session.theme], figure.heat
    pixels = laid(_input(shown), figure, shown.session, shown.looking.strength / 100)
    ends = f"{short(-heat.top if heat.signed else heat.low)} to {short(heat.top)}" if heat is not None else ""
    return [
        Raster(x, 0, SIDE, SIDE, pixels),
        Words(x, SIDE + 15, plain(figure.caption, 36), 11, tokens["ink"]),
        Words(x, SIDE + 29, ends, 10, tokens["ink2"]),
    ]


def laid(image: NDArray[np.uint8], figure: Figure, session: Session, strength: float) -> NDArray[np.uint8]:
    """Lay a map over a picture, dims (y, x, channel); the picture alone where there is none."""
    under = np.broadcast_to(image[..., :3], (*image.shape[:2], 3)).astype(np.uint8)
    if figure.heat is None:
        return under
    over = _pixels(figure.heat, figure, session)
    size = max(over.shape[1], under.shape[1]), max(over.shape[0], under.shape[0])
    ground = Image.fromarray(under).resize(size, Image.Resampling.NEAREST)
    sheet = Image.fromarray(over).resize(size, Image.Resampling.NEAREST)
    alpha = np.asarray(sheet)[..., 3:] / 255 * strength
    mixed = np.asarray(ground) * (1 - alpha) + np.asarray(sheet)[..., :3] * alpha
    return np.rint(mixed).astype(np.uint8)


def _pixels(heat: Heat, figure: Figure, session: Session) -> NDArray[np.uint8]:
    return heat.shade() if figure.shading else heat.pixels(session.theme)


def _input(shown: Attributions) -> NDArray[np.uint8]:
    """Return what the network saw; the run's own picture where that cannot be had."""
    session, sample = shown.session, int(shown.looking.sample or 0)
    try:
        if session.lens is not None:
            return session.lens.pictures.seen(sample)
    except NNLensError:
        pass  # its data set is not at hand
    return session.data.images([sample])[0]


def _whose(shown: Attributions) -> dict[str, Any]:
    return {"sample": shown.looking.sample, "target": shown.looking.target or "predicted"}


def _values(shown: Attributions, figure: Figure) -> dict[str, Any]:
    """Return what a picture was drawn from: the map as it is drawn, its scale, and the result as it is stored."""
    values: dict[str, Any] = {"image": _input(shown), **_whose(shown)}
    if figure.heat is None:
        return values
    heat = figure.heat
    values |= {"map": heat.values, "scale": np.array([-heat.top if heat.signed else heat.low, heat.top])}
    if isinstance(figure.outcome, xr.Dataset):
        values |= {"attribution": figure.outcome["attribution"].values[0], "method": figure.caption}
    return values
