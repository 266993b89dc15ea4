"""What lies above the picture of a map: dots, pictures, the few selected, the pinned, the focus, the lasso, names.

Each is a source of its own, so that a brush or a click sends only what changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    ImageURL,
    LinearColorMapper,
    Patches,
    Plot,
    Scatter,
    Text,
)

from nnlens.ui.look.palette import TOKENS, Theme

RING = 14
"""Diameter of the ring around the focused sample, in pixels."""
TOP = 255
"""The palettes are filled up to one color for each byte."""
COLUMNS: Mapping[str, Sequence[str]] = {
    "dots": ("x", "y", "place", "size"),
    "frames": ("x", "y", "place", "alpha"),
    "pictures": ("x", "y", "url", "alpha"),
    "few": ("x", "y", "place"),
    "names": ("x", "y", "text", "ink", "edge"),
    "lasso": ("xs", "ys"),
    "pinned": ("x", "y"),
    "rest": ("x", "y"),
    "focus": ("x", "y"),
}
"""The layers, from the lowest to the highest."""


def padded(palette: Sequence[str]) -> list[str]:
    """Fill a palette up to 256 colors, so that a byte is its own place whatever the palette."""
    return [*palette, *[palette[0]] * (TOP + 1 - len(palette))]


def kept_long(columns: Mapping[str, Any], length: int) -> dict[str, list[Any]]:
    """Fill up with names that are nowhere: where there are less, Bokeh gives their colors to the labels of before."""
    blank = {"x": np.nan, "y": np.nan, "text": "", "ink": "#000000", "edge": "#000000"}
    return {name: [*values, *[blank[name]] * (length - len(values))] for name, values in columns.items()}


class Marks:
    """The layers of one figure.

    Parameters
    ----------
    figure : Plot
        Where they are drawn, above what it has.
    """

    def __init__(self, figure: Plot) -> None:
        self.sources = {
            name: ColumnDataSource({column: [] for column in columns}) for name, columns in COLUMNS.items()
        }
        self._empty = set(COLUMNS)
        self._painted: Any = None
        self._resized: Any = None
        self.mapper = LinearColorMapper(palette=["#000000"], low=0, high=TOP)
        self.glyphs = self._glyphs()
        # below their own layer, so that close ones share an edge and none covers another's color
        self._below = {
            "few": Scatter(size=9, line_color=None),
            "pinned": Scatter(marker="diamond", size=13, fill_alpha=0, line_width=4),
            "focus": Scatter(size=RING, fill_alpha=0, line_width=5),
        }
        for name, glyph in self.glyphs.items():
            if name in self._below:
                figure.add_glyph(self.sources[name], self._below[name])
            figure.add_glyph(self.sources[name], glyph)

    def _glyphs(self) -> dict[str, Any]:
        color = {"field": "place", "transform": self.mapper}
        return {
            "dots": Scatter(fill_color=color, line_width=0.5, size="size"),
            "frames": Scatter(marker="square", fill_color=color, line_color=None, fill_alpha="alpha", size=24),
            "pictures": ImageURL(url="url", anchor="center", w_units="screen", h_units="screen", global_alpha="alpha"),
            "few": Scatter(fill_color=color, line_color=None, size=6),
            "names": Text(
                text_align="center", text_baseline="middle", text_font_size="11px", text_font_style="bold",
                text_color="ink", border_line_color="edge", border_radius=9, padding=4, background_fill_alpha=0.92,
            ),
            "lasso": Patches(fill_alpha=0.07, line_width=1.5),
            "pinned": Scatter(marker="diamond", size=13, fill_alpha=0, line_width=1.5),
            "rest": Scatter(size=10, fill_alpha=0, line_width=1.5),
            "focus": Scatter(size=RING, fill_alpha=0, line_width=2.5),
        }  # fmt: skip

    def put(self, name: str, columns: Mapping[str, Any]) -> None:
        """Replace what a layer shows; an empty one that stays empty sends nothing."""
        source = self.sources[name]
        first = COLUMNS[name][0]
        if len(columns[first]):
            self._empty.discard(name)
            shown = {column: columns[column] for column in COLUMNS[name]}
            source.data = kept_long(shown, len(source.data["x"])) if name == "names" else shown
        elif name not in self._empty:
            self._empty.add(name)
            # Bokeh may paint between new data and new indices: patches that are gone would be out of bounds
            nothing = [[np.nan]] if isinstance(self.glyphs[name], Patches) else []
            gone: dict[str, list[Any]] = dict.fromkeys(COLUMNS[name], nothing)
            source.data = kept_long(gone, len(source.data["x"])) if name == "names" else gone

    def paint(self, theme: Theme, palette: Sequence[str]) -> None:
        """Take the colors of a theme; those that it has already cost nothing, for Bokeh looks at each of 256."""
        if (theme, palette) == self._painted:
            return
        self._painted = (theme, palette)
        tokens = TOKENS[theme]
        self.mapper.palette = padded(palette)
        for name, change in {
            "dots": {"line_color": tokens["surface"]},
            "lasso": {"line_color": tokens["accent"], "fill_color": tokens["accent"]},
            "rest": {"line_color": tokens["ink2"]},
            "pinned": {"line_color": tokens["ink"]},
            "focus": {"line_color": tokens["accent"]},
            "names": {"background_fill_color": tokens["surface"]},
        }.items():
            self.glyphs[name].update(**change)
        self._below["few"].fill_color = tokens["accent"]
        for name in ("pinned", "focus"):
            self._below[name].line_color = tokens["surface"]

    def resize(self, picture: int, pictures: bool) -> None:
        """Set how large pictures are, in pixels; the focus goes around a picture where there are some."""
        if (picture, pictures) == self._resized:
            return
        self._resized = (picture, pictures)
        ring = {"marker": "square", "size": picture + 10} if pictures else {"marker": "circle", "size": RING}
        for glyph in (self._below["focus"], self.glyphs["focus"]):
            glyph.update(**ring)
        self.glyphs["frames"].size = picture + 4
        self.glyphs["pictures"].update(w=picture, h=picture)
