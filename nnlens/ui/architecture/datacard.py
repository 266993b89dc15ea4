"""The data card: what the samples are, how many of each class and split, and the statistics of their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.schema import UNLABELLED
from nnlens.ui.core.aside import aside
from nnlens.ui.core.data import RunData
from nnlens.ui.core.record import texts
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import class_mark
from nnlens.ui.look.text import count, decimal, fill, joined, name, plain

PROBED = 2048
"""Pictures whose pixels are looked at, spread evenly over the run."""
BATCH = 128
CLASSES = 60
"""Classes that are listed, the largest first."""


@dataclass(frozen=True)
class Pixels:
    """Statistics of pictures, from 0 to 1.

    Attributes
    ----------
    mean, deviation : ndarray, dims (channel,)
    samples : int
        Pictures that were looked at.
    height, width : int
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    samples: int
    height: int
    width: int


def pixels_of(data: RunData) -> Pixels:
    """Read pictures in batches, and sum up."""
    chosen = np.unique(np.linspace(0, len(data) - 1, min(PROBED, len(data))).astype(int))
    total = squares = 0.0
    places, height, width = 0, 0, 0
    for start in range(0, len(chosen), BATCH):
        images = data.images(data.ids[chosen[start : start + BATCH]]).astype(np.float64) / 255
        total, squares = total + images.sum((0, 1, 2)), squares + (images**2).sum((0, 1, 2))
        places += images[..., 0].size
        height, width = images.shape[1:3]
    mean = np.asarray(total / places)
    deviation = np.sqrt(np.maximum(squares / places - mean**2, 0))
    return Pixels(mean, deviation, len(chosen), height, width)


class DataCard:
    """The card; its pixels are looked at when it is first opened.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.view = Live(guard=session.guard, css=["help.css", "summary.css", "faces.css"])
        self._pixels: Pixels | None = None
        self._asked = False
        session.param.watch(session.guard(lambda _: self._paint() if self._asked else None), "theme")

    def open(self) -> None:
        """Show what is known, and find out the rest."""
        self._paint()
        if not self._asked and self.session.data.pictured and len(self.session.data):
            data = self.session.data
            aside(self.session, lambda: data.once("pixels of the card", pixels_of), self._arrived)
        self._asked = True

    def _arrived(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self._paint()

    def _paint(self) -> None:
        session = self.session
        facts = {**self._facts(), **self._pixel_facts()}
        rows = joined(
            fill("<dt>{key}</dt><dd>{value}</dd>", key=key, value=value) for key, value in facts.items()
        )
        classes = _classes(session)
        self.view.show(
            fill(
                '<div class="summary"><dl>{rows}</dl>{classes}</div>',
                rows=rows,
                classes=classes,
            )
        )

    def _facts(self) -> dict[str, Markup | str]:
        data, store = self.session.data, self.session.lens.store if self.session.lens else None
        told = store.metadata.get("samples", {}) if store is not None else {}
        splits = texts(self.session).get("split")
        labelled = int((data.label != UNLABELLED).sum())
        facts: dict[str, Markup | str] = {
            "data set": name(told.get("name", data.name)),
            "samples": count(len(data)),
            "labelled": count(labelled),
            "classes": count(len(data.class_names)),
        }
        if splits is not None:
            names, sizes = np.unique(splits.astype(str), return_counts=True)
            words = (f"{plain(n, 24)} {count(s)}" for n, s in zip(names.tolist(), sizes, strict=True))
            facts["splits"] = " · ".join(words)
        return facts

    def _pixel_facts(self) -> dict[str, Markup | str]:
        if not self.session.data.pictured:
            return {"pictures": "none: this run was made of embeddings alone"}
        if self._pixels is None:
            bone = fill('<span class="bone" style="display:inline-block;width:120px;height:12px"></span>')
            return {"picture": bone, "mean": bone, "deviation": bone}
        pixels = self._pixels
        channels = len(pixels.mean)
        words = f"of {count(pixels.samples)} pictures, as values from 0 to 1"
        return {
            "picture": f"{pixels.height} × {pixels.width}, {channels} channel{'' if channels == 1 else 's'}",
            "mean": f"{' '.join(map(decimal, pixels.mean))}, {words}",
            "deviation": " ".join(map(decimal, pixels.deviation)),
        }


def _classes(session: Session) -> Markup:
    """Draw how many samples each class has."""
    data = session.data
    sizes = np.bincount(data.label[data.label >= 0], minlength=len(data.class_names))
    order = np.argsort(-sizes, kind="stable")[:CLASSES]
    top = max(int(sizes.max(initial=0)), 1)
    bars = joined(
        fill(
            '<div class="fbar"><span class="cut">{mark}</span><span class="track"><i style="width:{w}%"></i></span>'
            '<span class="num">{n}</span></div>',
            mark=class_mark(session, int(code)),
            w=f"{100 * sizes[code] / top:.1f}",
            n=count(sizes[code]),
        )
        for code in order
    )
    rest = len(sizes) - len(order)
    more = fill('<div class="cap">and {n} more classes</div>', n=count(rest)) if rest else ""
    return fill('<div class="b sub">Samples a class</div>{bars}{more}', bars=bars, more=more)
