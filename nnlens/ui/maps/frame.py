"""What stands around a map: its pin and title, the tools, the hover card, the words over it, the line under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from markupsafe import Markup

from nnlens.state import Extent
from nnlens.ui.core.projection import Projection
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import FILL, WIDE, class_mark, icon
from nnlens.ui.look.text import count, decimal, fill, joined, quoted
from nnlens.ui.look.theme import static

HEAD, FOOT = 44, 28
COUNT, COUNT_PICTURES = 100, 160
"""Room in the foot for how many are in view."""
TOOLS = (
    ("lasso", "gesture", "Lasso: drag around samples"),
    ("box", "highlight_alt", "Box: drag, or shift-drag"),
    ("pan", "open_with", "Move the map"),
    ("turn", "3d_rotation", "Turn: drag, or arrow keys; Home turns back"),
    ("home", "zoom_out_map", "Show all, or double-click"),
)
CARD, BARE_CARD = (210, 80), (120, 56)
"""Room that the hover card takes, in pixels; without a picture."""


class MapFrame:
    """The pane of one map, without the plot.

    Parameters
    ----------
    session : Session
    which : {"a", "b"}
    on_tool : callable
        Told the name of the tool that was clicked.

    Attributes
    ----------
    column : panel Column
        The whole pane.
    foot, tools : panel Row
    notice : panel Column
        Places for the shell, as `ProjectionMap` describes them.
    """

    def __init__(self, session: Session, which: str, on_tool: Callable[[str], None]) -> None:
        self.session = session
        self._which = which
        self._words = self._blank = self._card = self._inset = Markup("")
        self._head = Live(css="mappane.css", height=HEAD)
        self._buttons = Live(
            actions={"tool": lambda value, _: on_tool(value)}, guard=session.guard, css="mappane.css",
            sizing_mode="fixed", width=28 * len(TOOLS), height=28,
        )  # fmt: skip
        self._facts = Live(css="mappane.css", height=FOOT)
        self._seen = Live(css="mappane.css", height=FOOT, width=COUNT, sizing_mode="fixed")
        self._over = Live(css="mappane.css", css_classes=["over"], **FILL)
        self.tools = pn.Row(self._buttons, margin=0, css_classes=["tools"])
        self.foot = pn.Row(self._facts, **WIDE)
        self.notice = pn.Column(margin=0, css_classes=["notice"], visible=False)
        self._body = pn.Column(**FILL, stylesheets=[static("map.css")], styles={"min-height": "0"})
        line = pn.Row(self.foot, self._seen, **WIDE, height=FOOT, styles={"flex": "none"})
        self.column = pn.Column(
            self._head, self.tools, self._body, line, **FILL, stylesheets=[static("map.css")]
        )
        self.title(None, False)
        self.press("lasso")
        self.seen(0, "pixels")

    @property
    def empty(self) -> bool:
        """Whether the plot is still missing."""
        return not len(self._body)

    def fill(self, plot: Any) -> None:
        """Put the plot in."""
        # linked axes would zoom both maps together
        picture = pn.pane.HoloViews(plot, linked_axes=False, css_classes=["picture"], **FILL)
        self._body[:] = [picture, self._over, self.notice]

    def title(self, projection: Projection | None, partial: bool, of: str = "") -> None:
        """Say what is shown: the words of the result itself, never those of the controls, and of which samples."""
        tag = Markup('<span class="tag">partial</span>') if partial else ""
        if projection is None:
            self._name("No map yet", "choose a layer and a method")
        else:
            self._name(
                " · ".join(filter(None, [projection.title or "Projection", of])), projection.caption, tag
            )

    def awaits(self, title: str) -> None:
        """Say which map will come, where none is drawn."""
        self._name(title, "being computed")

    def _name(self, title: str, caption: str, tag: Markup | str = "") -> None:
        self._head.show(
            fill(
                '<div class="ph"><span class="pin">{pin}</span><div>'
                '<div class="b cut" title="{title}">{title}{tag}</div>'
                '<div class="cap cut" title="{caption}">{caption}</div></div></div>',
                pin=self._which.upper(),
                title=quoted(title),
                caption=caption,
                tag=tag,
            )
        )

    def press(self, tool: str, turns: bool = False) -> None:
        """Show which tool a drag uses; turning only where there is something to turn."""
        offered = [each for each in TOOLS if turns or each[0] != "turn"]
        self._buttons.width = 28 * len(offered)
        self._buttons.show(
            joined(
                fill(
                    '<button class="tool" type="button" data-act="tool" data-value="{name}" data-key="{name}"'
                    ' title="{label}" aria-label="{label}" aria-pressed="{on}">{icon}</button>',
                    name=name,
                    label=label,
                    on="true" if name == tool else "false",
                    icon=icon(sign),
                )
                for name, sign, label in offered
            )
        )

    def facts(self, text: str) -> None:
        """Write the left part of the foot: what finds no room as a whole is left to the tooltip."""
        figures = joined(fill("<span>{figure}</span>", figure=figure) for figure in text.split(" · "))
        self._facts.show(
            fill('<div class="foot cap figures" title="{text}">{figures}</div>', text=text, figures=figures)
        )

    def seen(self, samples: int, mode: str) -> None:
        """Write how many samples are in view."""
        words = f"{count(samples)} in view{' · pictures' if mode == 'pictures' else ''}"
        self._seen.width = COUNT_PICTURES if mode == "pictures" else COUNT
        self._seen.show(
            fill(
                '<div class="foot cap" style="padding-left:0"><span></span><span>{words}</span></div>',
                words=words,
            )
        )

    def inset(self, url: str, view: Extent, whole: Extent) -> None:
        """Show a small picture of the whole map with a frame around what is in view; none without an address."""
        # the picture is of the square that the map surrounds
        side = min(whole[2] - whole[0], whole[3] - whole[1])
        left, top = (whole[0] + whole[2] - side) / 2, (whole[1] + whole[3] + side) / 2
        markup = (
            '<div class="inset"><img src="{url}" alt="where this is in the whole map">'
            '<i style="left:{x}%;top:{y}%;width:{w}%;height:{h}%"></i></div>'
        )
        at = {"x": view[0] - left, "y": top - view[3], "w": view[2] - view[0], "h": view[3] - view[1]}
        shares = {name: round(100 * length / side, 1) for name, length in at.items()}
        self._inset = fill(markup, url=url, **shares) if url else Markup("")
        self._lay()

    def note(self, text: str, hint: str = "") -> None:
        """Lay words over the map."""
        self._words = _words(text, hint)
        self._lay()

    def blank(self, text: str, hint: str = "") -> None:
        """Lay words over a map of which nothing is in view; those of `note` come first."""
        self._blank = _words(text, hint)
        self._lay()

    def card(
        self, sample: int | None, at: tuple[float, float] = (0, 0), size: tuple[int, int] = (0, 0)
    ) -> None:
        """Show the card of a sample beside a place, or none.

        Parameters
        ----------
        sample : int or None
            Its id.
        at : tuple of float
            Pixels from the left and from the top.
        size : tuple of int
            Width and height of the plot: the card stays inside.
        """
        self._card = Markup("") if sample is None else self._describe(sample, at, size)
        self._lay()

    def _describe(self, sample: int, at: tuple[float, float], size: tuple[int, int]) -> Markup:
        data, position = self.session.data, self.session.data.position(sample) or 0
        width, height = CARD if data.pictured else BARE_CARD
        left = at[0] + 16 if at[0] + 16 + width < size[0] else max(at[0] - 16 - width, 0)
        top = min(max(at[1] - height / 2, 4), max(size[1] - height - 4, 4))
        return fill(
            '<div class="card" style="left:{left}px;top:{top}px">{image}<div>'
            "<b>{label}{prediction}</b><br>{loss}id {id}</div></div>",
            left=round(left),
            top=round(top),
            image=fill('<img src="{url}" alt="">', url=self.session.image_url(sample))
            if data.pictured
            else "",
            label=class_mark(self.session, int(data.label[position]), 12),
            prediction=fill(" → {mark}", mark=class_mark(self.session, int(data.prediction[position]), 12))
            if data.scored
            else "",
            loss=fill("loss {loss}<br>", loss=decimal(float(data.loss[position]))) if data.scored else "",
            id=count(sample),
        )

    def _lay(self) -> None:
        self._over.show(joined((self._words or self._blank, self._inset, self._card)))


def _words(text: str, hint: str) -> Markup:
    words = fill('<div class="words"><b>{text}</b><span>{hint}</span></div>', text=text, hint=hint)
    return words if text else Markup("")
