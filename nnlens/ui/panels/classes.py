"""The classes: the legend of the maps and the switch of what they show, in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import class_name
from nnlens.ui.look.text import count, fill, joined, plain

SHORT = 6
"""Longer names get the room of the counts where there is little."""
LISTED = 60
"""Chips at once; with a thousand classes the largest are listed and the others counted."""


class ClassChips:
    """A chip a class with its count: a click toggles it, a double click shows only it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        labels = session.data.label
        self.sizes = np.bincount(labels[labels >= 0], minlength=len(session.data.class_names))
        # a network may know a thousand classes of which the data set has ten
        there = int(np.count_nonzero(self.sizes)) or len(self.sizes)
        order = np.argsort(-self.sizes, kind="stable")[: min(LISTED, there)]
        self._there = there
        self.classes = sorted(int(c) for c in order)
        self.view = Live(
            actions={"class": self._toggle, "all": self._all, "none": self._none, "invert": self._invert},
            guard=session.guard,
            css="controls.css",
            margin=(4, 16),
        )
        session.state.param.watch(session.guard(lambda _: self.paint()), "visible")
        if session.colors.limited:
            session.hub.register("classes", lambda _: self.paint())
        self.paint()

    @property
    def shown(self) -> set[int]:
        """The classes that the maps show."""
        visible = self.session.state.visible
        return set(range(len(self.sizes))) if visible is None else set(visible)

    def paint(self) -> None:
        """Draw the chips."""
        if not self.classes:  # nothing has a label
            self.view.show(fill(""))
            return
        shown = self.shown
        rest = self._there - len(self.classes)
        self.view.show(
            fill(
                '<div class="h3"><span>Classes</span><span class="cap pick"><button class="link" '
                'data-act="all">all</button> · '
                '<button class="link" data-act="none">none</button> · <button class="link" '
                'data-act="invert">invert</button>'
                '</span></div><div class="chips {long}" data-walk role="group" '
                'aria-label="classes">{chips}</div>{rest}',
                long="long"
                if max(len(self.session.data.class_name(c)) for c in self.classes) > SHORT
                else "",
                chips=joined(self._chip(c, c in shown) for c in self.classes),
                rest=fill('<div class="cap">{n} smaller classes</div>', n=count(rest)) if rest else "",
            )
        )

    def _chip(self, code: int, on: bool) -> Markup:
        session = self.session
        return fill(
            '<button class="chip {off}" type="button" data-act="class" data-value="{code}" '
            'data-key="class{code}"'
            ' aria-pressed="{on}" title="{name}: {n} samples; double click: only this one"><i class="sw" '
            'style="--c:{color}"></i>'
            '<span class="cut">{short}</span><span class="cap">{n}</span></button>',
            off="" if on else "off",
            on="true" if on else "false",
            code=code,
            name=plain(session.data.class_name(code), 120),
            short=class_name(session, code),
            color=session.colors.css(code),
            n=count(self.sizes[code]),
        )

    def _show(self, classes: set[int]) -> None:
        everything = len(classes) == len(self.sizes)
        self.session.state.visible = None if everything else sorted(classes)

    def _toggle(self, value: str, keys: Mapping[str, Any]) -> None:
        code = int(value)
        if keys.get("double"):
            self._show({code})
        else:
            self._show(self.shown ^ {code})

    def _all(self, *_: Any) -> None:
        self._show(set(range(len(self.sizes))))

    def _none(self, *_: Any) -> None:
        self._show(set())

    def _invert(self, *_: Any) -> None:
        self._show(set(range(len(self.sizes))) - self.shown)
