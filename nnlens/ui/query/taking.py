"""The answer to a query on its way out: what was asked for, and what is nearest to it, with the distances."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.errors import ExportError
from nnlens.export.drawing import Drawing, Shape, Words, fitted
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.taking import ROOM, figure_downloads, stem
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.text import decimal, plain

if TYPE_CHECKING:
    from nnlens.ui.query.panel import Query

ASKED, SIDE, STEP, LINE, COLUMNS = 128, 80, 96, 124, 6


def query_out(query: Query) -> TakeOut:
    """Return the button that takes the answer out."""
    name = stem(query.session, "nearest to", lambda: _who(query), lambda: query.layer)
    downloads = figure_downloads(name, lambda: query_figure(query))
    return TakeOut(query.session, "take the answer out", downloads, width=ROOM, height=ROOM)


def _who(query: Query) -> str:
    asked = query.asked
    if asked is None:
        return ""
    return f"sample {asked.sample:,}" if asked.sample is not None else plain(asked.name, 40)


def query_figure(query: Query) -> Drawing:
    """Draw what was asked for at the left, the nearest in their order beside it."""
    session, data = query.session, query.session.data
    near = [(sample, away) for sample, away in query.near if data.position(sample) is not None]
    if query.asked is None or not near:
        raise ExportError(
            "Nothing is found yet.", "Type the id of a sample, click a point, or drop a picture."
        )
    tokens, at = TOKENS[session.theme], data.positions([sample for sample, _ in near])
    images = data.images([sample for sample, _ in near]) if data.pictured else None
    asked = _asked(query)
    shapes: list[Shape] = [] if asked is None else [fitted(asked, 0, 0, ASKED)]
    shapes.append(Words(0, ASKED + 16, _who(query), 12, tokens["ink"], bold=True))
    for place, (sample, away) in enumerate(near):
        x, y = ASKED + 24 + STEP * (place % COLUMNS), LINE * (place // COLUMNS)
        shapes += [] if images is None else [fitted(images[place], x, y, SIDE)]
        label = plain(data.class_name(int(data.label[at[place]])), 12)
        shapes += [
            Words(x, y + SIDE + 14, f"{sample:,} · {label}", 10, tokens["ink2"]),
            Words(x, y + SIDE + 27, decimal(away), 10, tokens["ink3"]),
        ]
    values: dict[str, Any] = {
        "sample": [sample for sample, _ in near], "distance": [away for _, away in near], "label": data.label[at],
        "layer": query.layer, "measure": query.metric,
    }  # fmt: skip
    values |= {} if images is None else {"image": images}
    values |= {} if asked is None else {"asked_image": asked}
    values["asked"] = query.asked.name if query.asked.sample is None else query.asked.sample
    title = f"{len(near)} nearest in {plain(query.layer, 40)}"
    return Drawing(
        ASKED + 24 + STEP * COLUMNS, max(LINE * -(-len(near) // COLUMNS), ASKED + 24), shapes, values, title,
        query.metric, tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _asked(query: Query) -> NDArray[np.uint8] | None:
    """Return the picture that was asked for."""
    if query.outside is not None:
        return np.asarray(Image.open(io.BytesIO(query.outside.picture)).convert("RGB"))
    sample = query.asked.sample if query.asked is not None else None
    return (
        query.session.data.images([sample])[0] if sample is not None and query.session.data.pictured else None
    )
