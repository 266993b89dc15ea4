"""What in a picture counts: two attributions of the sample in focus, side by side."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from bokeh.palettes import Inferno256
from markupsafe import Markup
from numpy.typing import NDArray

from nnlens.errors import NNLensError
from nnlens.schema import INPUT
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.core.work import Task, Work
from nnlens.ui.look.absent import WHY_SHORT
from nnlens.ui.look.live import Live
from nnlens.ui.look.palette import diverging, rgb
from nnlens.ui.look.parts import picture
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.text import error_words, fill, joined, plain
from nnlens.ui.maps.projecting import Projecting

SLOTS = 2
PREDICTED = ""
"""The target that stands for the predicted class."""
LISTED = 200
"""Classes that the menu of targets lists."""

Shown = xr.Dataset | NNLensError | BaseException | None
"""What a slot holds: a result, an error, or nothing yet."""


class Attributions:
    """Two methods on the sample in focus; which, for which target and on which layer can be chosen.

    Parameters
    ----------
    session : Session
    work : Work
    projecting : Projecting
        Whose map A tells the layer that is looked at.
    tools : list of Tool
        What explains one sample.
    layers : list of Stop
    """

    def __init__(
        self, session: Session, work: Work, projecting: Projecting, tools: list[Tool], layers: list[Stop]
    ) -> None:
        self.session, self.work, self.projecting, self.tools = session, work, projecting, tools
        # of a map of one place nothing can be said about places
        self.spatial = [
            stop for stop in layers if stop.spatial and math.prod(stop.shape[1:]) > 1 and stop.name != INPUT
        ]
        self._asked_at: str | None = None
        self.chosen = [tool.id for tool in tools[:SLOTS]]
        self.target = PREDICTED
        self.layer = ""
        self._shown: list[Shown] = [None] * len(self.chosen)
        self._tasks: list[Task] = []
        self.view = Live(
            actions={"tool": self._pick_tool, "target": self._pick_target, "at": self._pick_layer},
            guard=session.guard,
            css=["inspector.css", "explain.css"],
        )
        if tools:
            session.hub.register("attributions", lambda _: self.ask(), "focus")
            session.param.watch(session.guard(lambda _: self.paint()), "theme")
            session.state.param.watch(session.guard(lambda _: self._follow()), "map_a")
            self.ask()

    # ---------------------------------------------------------------------------------------------------- asking
    def ask(self) -> None:
        """Have both methods explain the sample in focus; what was asked for the one before is left."""
        self._asked_at = self.at
        for task in self._tasks:
            self.work.drop(task)
        self._tasks, self._shown = [], [None] * len(self.chosen)
        focus = self.session.state.focus
        if self.session.data.scored and self.session.data.position(focus) is not None:
            for slot, analysis in enumerate(self.chosen):
                self._ask(slot, analysis, int(focus or 0))
        self.paint()

    def _ask(self, slot: int, analysis: str, sample: int) -> None:
        tool = self._tool(analysis)
        request: dict[str, Any] = {
            "sample": [sample],
            "target": None if self.target == PREDICTED else int(self.target),
        }
        if self._on_layer(analysis):
            request["layer"] = self.at
        settle = partial(self._settle, slot, sample)
        try:
            task = self.work.submit(analysis, tool.title, settle, request, failed=settle, listed=False)
        except NNLensError as error:
            self._shown[slot] = error
        else:
            self._tasks.append(task)

    @property
    def at(self) -> str | None:
        """The layer that methods on a layer look at: the chosen one, else that of map A, else the last with space."""
        names = [stop.name for stop in self.spatial]
        wanted = self.layer or self.projecting.state("a").layer
        return wanted if wanted in names else (names[-1] if names else None)

    def _follow(self) -> None:
        """Look at the layer of map A where no other was chosen."""
        if self.at != self._asked_at and any(map(self._on_layer, self.chosen)):
            self.ask()

    def _settle(self, slot: int, sample: int, outcome: Shown) -> None:
        if sample == self.session.state.focus and slot < len(self._shown):
            self._shown[slot] = outcome
            self.paint()

    def _pick_tool(self, value: str, _: Any) -> None:
        slot, _, analysis = value.partition(" ")
        self.chosen[int(slot)] = self._tool(analysis).id
        self.ask()

    def _pick_target(self, value: str, _: Any) -> None:
        self.target = (
            value if value == PREDICTED or 0 <= int(value) < len(self.session.data.class_names) else PREDICTED
        )
        self.ask()

    def _pick_layer(self, value: str, _: Any) -> None:
        self.layer = value
        self.ask()

    def _tool(self, analysis: str) -> Tool:
        return next(tool for tool in self.tools if tool.id == analysis)

    def _on_layer(self, analysis: str) -> bool:
        """Whether a method works on a layer, by itself or by what it runs first."""
        lens = self.session.lens
        return self._tool(analysis).on_layer or (lens is not None and lens.wants_layer(analysis))

    # ---------------------------------------------------------------------------------------------------- drawing
    def paint(self) -> None:
        """Draw the picture and both attributions, or what keeps them from being there."""
        focus = self.session.state.focus
        if self.session.data.position(focus) is None:
            self.view.show(fill(""))
            return
        if not self.session.data.scored:
            self.view.show(
                fill(
                    '<div class="part"><div class="h3">Attribution</div><div class="cap">{why}</div></div>',
                    why=WHY_SHORT,
                )
            )
            return
        self.view.show(
            fill(
                '<div class="part"><div class="h3"><span>Attribution</span><span '
                'class="picks">{at}{target}</span></div>'
                '<div class="explain">{first}{slots}</div></div>',
                at=self._layer_menu(),
                target=self._target_menu(),
                first=fill(
                    '<figure>{image}<figcaption class="cap">input</figcaption></figure>',
                    image=self._picture(int(focus or 0)),
                ),
                slots=joined(self._slot(slot, focus or 0) for slot in range(len(self.chosen))),
            )
        )

    def _slot(self, slot: int, sample: int) -> Markup:
        shown = self._shown[slot]
        caption = self._tool_menu(slot)
        if shown is None:
            body = fill('<div class="bone square" role="status" aria-label="computing"></div>')
        elif isinstance(shown, BaseException):
            text, hint = error_words(shown)
            body = fill(
                '<div class="why cap"><span class="bad">{text}</span> {hint}</div>', text=text, hint=hint
            )
        else:
            body = self._heat(shown, sample)
        return fill(
            '<figure>{body}<figcaption class="cap">{caption}</figcaption></figure>',
            body=body,
            caption=caption,
        )

    def _heat(self, result: xr.Dataset, sample: int) -> Markup:
        """Lay the attribution over the picture: faint where there is nothing, so that the picture stays what it is."""
        values = flat(result["attribution"].values[0])
        signed = bool((values < 0).any())
        over = colored(values, signed, self.session.theme)
        title, caption = (result.attrs.get(key, "") for key in ("title", "caption"))
        words = f"{title}: {caption}; the largest half percent looks alike"
        return fill(
            '<div class="heat" title="{words}">{under}<img src="{url}" alt="{words}"></div>',
            words=plain(words, 300),
            under="" if signed else self._picture(sample),
            url=data_url(over),
        )

    def _picture(self, sample: int) -> Markup:
        return picture(self.session, sample, self.session.image_url(sample))

    def _tool_menu(self, slot: int) -> Markup:
        if len(self.tools) <= SLOTS:
            return fill("{title}", title=self._tool(self.chosen[slot]).title)
        options = [(f"{slot} {tool.id}", tool.title) for tool in self.tools]
        return menu("tool", "method", options, f"{slot} {self.chosen[slot]}", key=f"tool{slot}")

    def _target_menu(self) -> Markup:
        names = self.session.data.class_names[:LISTED]
        options = [
            (PREDICTED, "target: predicted"),
            *((str(i), f"target: {plain(n, 20)}") for i, n in enumerate(names)),
        ]
        return menu("target", "which output is explained", options, self.target)

    def _layer_menu(self) -> Markup:
        if not self.spatial or not any(map(self._on_layer, self.chosen)):
            return Markup("")
        return menu(
            "at",
            "layer that is looked at",
            [(s.name, plain(s.title, 16)) for s in self.spatial],
            self.at or "",
        )


def menu(act: str, label: str, options: list[tuple[str, str]], value: str, key: str = "") -> Markup:
    """Return a small menu of its own line's height."""
    return fill(
        '<select class="menu" data-act="{act}" data-key="{key}" aria-label="{label}" '
        'title="{label}">{options}</select>',
        act=act,
        key=key or act,
        label=label,
        options=joined(
            fill(
                '<option value="{value}" {on}>{text}</option>',
                value=option,
                text=text,
                on="selected" if option == value else "",
            )
            for option, text in options
        ),
    )


def flat(values: NDArray[Any]) -> NDArray[np.float64]:
    """Reduce dims (channel, y, x) to (y, x) by the channel with the largest size; (y, x) stays."""
    array = np.nan_to_num(np.asarray(values, np.float64))
    if array.ndim == 2:
        return array
    strongest = np.abs(array).argmax(axis=0)
    return np.take_along_axis(array, strongest[None], axis=0)[0]


def _floor(values: NDArray[np.float64], top: float) -> float:
    """Return where colors begin: zero, unless all values are large, as those of RISE are, and still differ."""
    low = float(values.min())
    return low if low > top / 2 and top > 1.02 * low else 0.0


def colored(values: NDArray[np.float64], signed: bool, theme: Any) -> NDArray[np.uint8]:
    """Color an attribution, up to its 99.5th percentile: a single pixel in ten thousand would hide all others.

    Returns
    -------
    ndarray of uint8, dims (y, x, channel) with four channels
        Signed values in two colors about the surface; others in Inferno whose opacity grows with the value.
    """
    top = float(np.percentile(np.abs(values), 99.5)) or float(np.abs(values).max()) or 1.0
    low = _floor(values, top)
    scaled = np.clip((values - low) / (top - low), -1, 1)
    if signed:
        colors, place = (
            np.array([rgb(c) for c in diverging(theme, 255)]),
            np.rint((scaled + 1) * 127).astype(int),
        )
        alpha = np.full(values.shape, 255.0)
    else:
        colors, place = np.array([rgb(c) for c in Inferno256]), np.rint(scaled * 255).astype(int)
        alpha = 255 * np.clip(scaled * 1.25, 0, 1)
    return np.dstack([colors[place], alpha]).astype(np.uint8)
