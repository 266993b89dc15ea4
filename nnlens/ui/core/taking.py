"""What a panel offers to take out: its picture, the values that it was drawn from, and several of them in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from nnlens.export.drawing import Takeable
from nnlens.export.pictures import zipped
from nnlens.export.words import file_stem
from nnlens.ui.core.session import Session
from nnlens.ui.core.take_out import Download, TakeOut
from nnlens.ui.look.parts import FILL, WIDE

Stem = Callable[[], str]
NARROW: Mapping[str, Any] = {"width": 24, "height": 24, "margin": (-2, 0, -2, 4), "css_classes": ["narrow"]}
"""How the button stands in a head of 20 px."""
ROOM = 28
"""Pixels that a head leaves at its right for a button that stands over it."""


def stem(session: Session, *words: Any) -> Stem:
    """Name a file by the run and what is in it, asked when it is made."""
    return lambda: file_stem(session.data.name, *(word() if callable(word) else word for word in words))


def figure_downloads(name: Stem, make: Callable[[], Takeable]) -> list[Download]:
    """Offer one figure as a picture, as shapes, as its values, and as all of them.

    Parameters
    ----------
    name : callable
        The stem of the files.
    make : callable
        Draws it; raises an `NNLensError` that says what is missing where there is nothing to draw.
    """

    def named(ending: str) -> Callable[[], str]:
        return lambda: f"{name()}{ending}"

    return [
        Download("Picture (PNG)", named(".png"), lambda: make().png()),
        Download("Picture (SVG)", named(".svg"), lambda: make().svg()),
        Download("Values (npz)", named(".npz"), lambda: make().npz()),
        Download("All of these (zip)", named(".zip"), lambda: bundle({name(): make()})),
    ]


def bundle_download(label: str, name: Stem, make: Callable[[], Mapping[str, Takeable]]) -> Download:
    """Offer several figures, each by its stem, as one zip."""
    return Download(label, lambda: f"{name()}.zip", lambda: bundle(make()))


def bundle(figures: Mapping[str, Takeable]) -> bytes:
    """Put figures into a zip, each as PNG, SVG and npz."""
    return zipped(
        (f"{each}{ending}", write())
        for each, figure in figures.items()
        for ending, write in ((".png", figure.png), (".svg", figure.svg), (".npz", figure.npz))
    )


def headed(head: Any, out: TakeOut) -> pn.Row:
    """Put the button at the right end of a head that is a piece of its own."""
    head.styles = {**head.styles, "flex": "1 1 0", "min-width": "0"}
    return pn.Row(head, out, **WIDE, styles={"flex": "none"})


def cornered(view: Any, out: TakeOut, **layout: Any) -> pn.Column:
    """Put the button over the right end of a head that belongs to a larger piece; that head leaves the room."""
    out.styles = {"position": "absolute", "right": "12px", "top": "6px", "z-index": "2", **out.styles}
    styles = {"position": "relative", "--nn-corner": f"{ROOM}px", "min-height": "0"}
    return pn.Column(view, out, **{**FILL, "styles": styles, **layout})
