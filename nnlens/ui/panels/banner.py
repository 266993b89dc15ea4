"""What went wrong, or is worth knowing: banners over the maps, in words, with a way to close them."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from nnlens.ui.core.session import Message, Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import icon, icon_button
from nnlens.ui.look.text import fill, joined, plain

SHOWN = 3
"""Banners at one time; closing one brings back an earlier."""
KEPT = 20
ICONS = {"error": "error_outline", "warning": "warning_amber", "info": "info_outline"}


class Banners:
    """The latest messages of a session; one that is told twice is shown once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._open: list[Message] = []
        self._seen = 0
        self.view = Live(
            actions={"close": self._close}, css="banner.css", sizing_mode="fixed", width=0, height=0
        )
        # not guarded: an error here would report itself for ever
        session.param.watch(self._told, "messages")
        self._open = list(session.messages)[-KEPT:]
        self._paint()

    def _told(self, event: Any) -> None:
        latest = event.new[-1]
        self._open = [*(message for message in self._open if message != latest), latest][-KEPT:]
        self.session.later(self._paint)

    def _close(self, place: str, _: Any) -> None:
        del self._open[int(place)]
        self._paint()

    def _paint(self) -> None:
        earlier = max(len(self._open) - SHOWN, 0)
        rows = [_row(message, place) for place, message in enumerate(self._open) if place >= earlier]
        self.view.show(
            fill(
                '<div class="banners" role="alert" aria-live="assertive">{rows}{more}</div>',
                rows=joined(rows),
                more=fill('<div class="earlier cap">{n} earlier</div>', n=earlier) if earlier else "",
            )
        )


def _row(message: Message, place: int) -> Markup:
    return fill(
        '<div class="banner is-{level}">{icon}<div class="words"><b>{text}</b> {hint}</div>{close}</div>',
        level=message.level,
        icon=icon(ICONS[message.level]),
        text=plain(message.text, 300),
        hint=plain(message.hint, 300) if message.hint else "",
        close=icon_button("close", "close this message", "close", place),
    )
