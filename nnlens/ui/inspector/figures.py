"""The pictures of an explanation, side by side: what went in, a map over it, details, and their product."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

import xarray as xr
from markupsafe import Markup

from nnlens.ui.core.session import Session
from nnlens.ui.inspector.explanations import Offer, Outcome, Waiting
from nnlens.ui.inspector.told import about
from nnlens.ui.look.heat import SHOWN, Heat, product
from nnlens.ui.look.parts import button, icon, picture
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.progress import bar, state_words
from nnlens.ui.look.text import error_words, fill, joined, plain, seconds

K = TypeVar("K")
V = TypeVar("V")
AGAIN = " · press again to see it large, or small"
KEPT = 48
"""Colored maps that a page keeps: to color one of 224 × 224 takes some milliseconds, and it is drawn many times."""


@dataclass(frozen=True, eq=False)
class Figure:
    """One of the pictures.

    Attributes
    ----------
    name : {"input", "first", "second", "product"}
    caption : str
        A word or two below it.
    words : str
        All that is known of it: the tooltip, and what a screen reader says.
    heat : Heat or None
        The map; None for the input, and where there is none yet.
    shading : bool
        Whether the map darkens the picture rather than lying over it.
    outcome : Outcome or None
        What stands in place of a map: an error, an offer, a job.
    analysis : str
        What it is computed by.
    about : str
        Which layer and output it tells of, from the result.
    """

    name: str
    caption: str
    words: str = ""
    heat: Heat | None = None
    shading: bool = False
    outcome: Outcome | None = None
    analysis: str = ""
    about: str = ""

    @property
    def failed(self) -> bool:
        """Whether an error stands in place of the map."""
        return isinstance(self.outcome, BaseException)


class Drawer:
    """Draws figures of the sample that is looked at.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._drawn: OrderedDict[tuple[Heat, str, bool], str] = OrderedDict()
        self._signed: set[str] = set()
        self._heats: OrderedDict[tuple[int, ...], tuple[tuple[xr.Dataset, ...], Heat | None]] = OrderedDict()

    def mapped(self, name: str, title: str, outcome: Outcome | None, analysis: str) -> Figure:
        """Return the figure of one method."""
        if not isinstance(outcome, xr.Dataset):
            return Figure(name, title, outcome=outcome, analysis=analysis)
        words = f"{outcome.attrs.get('title', title)}: {outcome.attrs.get('caption', '')}"
        made = about(self.session, outcome)
        return Figure(name, title, words, self._heat(outcome), outcome=outcome, analysis=analysis, about=made)

    def multiplied(self, first: Figure, second: Figure | None) -> Figure | None:
        """Return the product of a map of places with details, or with the picture; None where there is none.

        A map with negative values tells for and against: a product would take the one for the other.
        """
        if first.heat is None or not isinstance(first.outcome, xr.Dataset):
            # a place is kept for what will be there: nothing jumps
            none = first.analysis in self._signed
            return None if none else Figure("product", "product", outcome=_without(first))
        if first.heat.signed:
            self._signed.add(first.analysis)
            return None
        self._signed.discard(first.analysis)
        if second is None:
            words = f"the picture, as bright as the map of {first.caption} is high"
            return Figure("product", "picture × map", words, first.heat, shading=True, about=first.about)
        if not isinstance(second.outcome, xr.Dataset):
            return Figure("product", "product", outcome=_without(second))
        heat = self._heat(first.outcome, second.outcome)
        words = f"{first.caption} × {second.caption}"
        return None if heat is None else Figure("product", "product", words, heat, about=first.about)

    def _heat(self, *results: xr.Dataset) -> Heat | None:
        """Scale the map of a result, or the product of two, once while they are looked at; None for other sizes."""
        key = tuple(map(id, results))
        if key not in self._heats:
            maps = [result["attribution"].values[0] for result in results]
            values = maps[0] if len(maps) == 1 else product(*maps)
            self._heats[key] = (
                results,
                None if values is None else Heat.of(values),
            )  # held, so that ids stay theirs
        return _latest(self._heats, key)[1]

    def row(self, figures: list[Figure], sample: int, chosen: str) -> Markup:
        """Draw all of them side by side; a press on one makes it the chosen one."""
        return fill(
            '<div class="explain" data-walk>{figures}</div>',
            figures=joined(self._figure(figure, sample, figure.name == chosen) for figure in figures),
        )

    def _figure(self, figure: Figure, sample: int, chosen: bool) -> Markup:
        return fill(
            '<figure class="{on}"><button type="button" class="view" data-act="view" data-value="{name}" '
            'data-key="view {name}" aria-pressed="{pressed}" title="{words}">{body}</button>'
            '<figcaption class="cap cut">{caption}</figcaption></figure>',
            on="on" if chosen else "",
            pressed="true" if chosen else "false",
            name=figure.name,
            words=plain(figure.words or figure.caption, 300) + (AGAIN if chosen and figure.heat else ""),
            caption=figure.caption,
            body=self.body(figure, sample),
        )

    def body(self, figure: Figure, sample: int) -> Markup:
        """Draw one: the picture, the map over it."""
        if figure.name != "input" and figure.heat is None:
            return _place(figure)
        under = picture(
            self.session, sample, self.session.form_url(sample, "seen"), classes=self.session.photo
        )
        return self.over(figure, under)

    def over(self, figure: Figure, under: Markup) -> Markup:
        """Draw a map over any picture; the picture alone where there is none."""
        if figure.heat is None:
            return fill('<div class="heat">{under}</div>', under=under)
        return fill(
            '<div class="heat {kind}">{under}<img class="over" src="{url}" alt="{words}"></div>',
            kind="shading" if figure.shading else "signed" if figure.heat.signed else "",
            under=under,
            url=self._url(figure.heat, figure.shading),
            words=plain(figure.words, 300),
        )

    def _url(self, heat: Heat, shading: bool) -> str:
        key = (heat, self.session.theme, shading)
        if key not in self._drawn:
            self._drawn[key] = data_url(heat.shade() if shading else heat.pixels(self.session.theme))
        return _latest(self._drawn, key)

    def scale(self, figure: Figure, slider: Markup | str) -> Markup:
        """Draw the scale of a map, say what it is scaled to, and set the slider beside it."""
        heat = figure.heat
        if heat is None:
            return fill('<div class="scale cap"><span class="grow"></span>{slider}</div>', slider=slider)
        return fill(
            '<div class="scale cap"><span class="ends" title="{how}"><span>{low}</span>'
            '<i><b style="background:linear-gradient(90deg,{colors})"></b></i><span>{top}</span></span>'
            '<span class="cut grow" title="{how}">{to}</span>{slider}</div>',
            how=_scaled(heat),
            low=short(-heat.top if heat.signed else heat.low),
            top=short(heat.top),
            to=f"{SHOWN:g}th percentile" if heat.cut else "own maximum",
            colors=",".join(["black", "white"] if figure.shading else heat.bar(self.session.theme)),
            slider=slider,
        )


def trouble(figure: Figure, what: str = "") -> Markup:
    """Say what keeps a map from being there: why it failed, how far it is, how long it would take.

    Parameters
    ----------
    figure : Figure
    what : str
        What follows "compute" and "cancel" in the names of the actions.
    """
    outcome = figure.outcome
    if isinstance(outcome, Waiting):
        return _progress(figure, outcome, what)
    if isinstance(outcome, Offer):
        do = button("Compute", f"compute{what}", figure.analysis, title=f"compute {figure.caption}")
        takes = f"{figure.caption} takes {seconds(outcome.seconds)}."
        return fill('<div class="state cap"><span class="grow">{takes}</span>{do}</div>', takes=takes, do=do)
    if not isinstance(outcome, BaseException):
        return Markup("")
    text, hint = error_words(outcome)
    return fill(
        '<div class="why cap" role="alert"><b>{title}</b> <span class="bad">{text}</span> {hint}</div>',
        title=figure.caption,
        text=text,
        hint=hint,
    )


def _progress(figure: Figure, outcome: Waiting, what: str) -> Markup:
    """Say how far a job is, once it has taken longer than anybody notices."""
    task = outcome.task
    if task is None or task.job.elapsed < 0.3:
        return Markup("")
    return fill(
        '<div class="state cap" role="status">{bar}<span class="grow cut">{words}</span>{cancel}</div>',
        bar=bar(task),
        words=state_words(task),
        cancel=button("Cancel", f"cancel{what}", figure.analysis, title=f"cancel {figure.caption}"),
    )


def _scaled(heat: Heat) -> str:
    """Say what a map is scaled to."""
    if heat.cut:
        return f"scaled to the {SHOWN:g}th percentile of its own sizes: what lies beyond looks alike"
    return "scaled to its own maximum: maps of two samples cannot be compared by their colors"


def _without(figure: Figure) -> Outcome:
    """Return what stands in place of a product while one of its parts is missing."""
    return Offer(0.0) if figure.failed or figure.outcome is None else figure.outcome


def _place(figure: Figure) -> Markup:
    """Keep the place of a map that failed, that nobody has asked for, or that is on its way."""
    if figure.failed:
        return fill('<div class="blank square bad">{icon}</div>', icon=icon("error_outline"))
    if isinstance(figure.outcome, Offer):
        return fill('<div class="blank square"></div>')
    return fill('<div class="bone square" role="status" aria-label="no map yet"></div>')


def short(number: float) -> str:
    """Write an end of a scale."""
    if number == 0:
        return "0"
    return f"{number:.2g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _latest(kept: OrderedDict[K, V], key: K) -> V:
    """Return what is kept under a key, and let go of what was not asked for the longest."""
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key]
