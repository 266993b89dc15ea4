"""Which channels are looked at, kept in the address: the layer, what sorts them, and the one that is open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nnlens.ui.core.choices import bind, choose, follow, read_list

if TYPE_CHECKING:
    from nnlens.ui.channels.dialog import ChannelDialog
    from nnlens.ui.channels.source import ChannelSource


def keep(source: ChannelSource, dialog: ChannelDialog) -> None:
    """Keep what is looked at in the address, and take what a link asks for as far as it is known here."""
    session, state = source.session, source.session.state

    def taken(name: str, text: str) -> None:
        if name == "sort" or any(stop.name == text for stop in source.layers):
            source.param.update(**{name: text})

    def told() -> None:
        shown = not dialog.hidden and state.channel is not None
        choose(session, "channel", json.dumps([state.channel_layer, str(state.channel)]) if shown else "")

    def opened(text: str) -> None:
        layer, channel = (*read_list(text), "", "")[:2]
        stop = next((stop for stop in source.layers if stop.name == layer), None)
        if stop is not None and channel.isdecimal() and int(channel) < stop.shape[0]:
            state.param.update(channel=int(channel), channel_layer=layer)

    bind(session, source, {"layer": "channels", "sort": "sort"}, taken)
    follow(session, "channel", opened)
    state.param.watch(session.guard(lambda *_: told()), ["channel", "channel_layer"])
    dialog.view.param.watch(session.guard(lambda _: told()), "visible")
