"""What the inspector looks at, kept in the address: methods, target, layer, channel, settings and how it is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.choices import bind
from nnlens.ui.core.session import Session
from nnlens.ui.inspector.looking import PICTURE, Looking
from nnlens.ui.look.forms import parameters_of

NAMES: Mapping[str, str] = {
    "first": "method", "second": "times", "target": "target", "layer": "mapped", "channel": "mapped-channel",
    "values": "settings", "view": "picture", "large": "large", "strength": "strength", "check": "check",
}  # fmt: skip
"""What each is called in an address."""
VIEWS = ("input", "first", "second", "product")


def keep(session: Session, looking: Looking, checks: list[Tool]) -> None:
    """Keep what is looked at in the address, and take what a link asks for as far as it is known here."""
    methods = {tool.id for tool in looking.tools}
    layers = {"", *(stop.name for stop in looking.spatial)}
    taken: dict[str, Callable[[str], Any]] = {
        "first": lambda text: _one_of(looking, "first", text, methods),
        "second": lambda text: _one_of(looking, "second", text, methods | {PICTURE}),
        "target": looking.choose_target,
        "layer": lambda text: looking.choose_layer(text) if text in layers else None,
        "channel": looking.choose_channel,
        "values": lambda text: looking.param.update(values=_settings(looking, text)),
        "view": lambda text: _one_of(looking, "view", text, VIEWS),
        "large": lambda text: looking.param.update(large=text == "true"),
        "strength": lambda text: (
            looking.param.update(strength=min(int(text), 100)) if text.isdecimal() else None
        ),
        "check": lambda text: _one_of(looking, "check", text, {"", *(tool.id for tool in checks)}),
    }
    bind(session, looking, NAMES, lambda name, text: taken[name](text))


def _one_of(looking: Looking, name: str, text: str, known: Any) -> None:
    if text in known:
        looking.param.update(**{name: text})


def _settings(looking: Looking, text: str) -> dict[str, dict[str, str]]:
    """Read settings of methods: those that they have, as texts, which are checked where they are used."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    read: dict[str, dict[str, str]] = {}
    for tool in looking.tools:
        names = {parameter.name for parameter in parameters_of(tool.cls)}
        own = found.get(tool.id) if isinstance(found, dict) else None
        kept = (
            {name: str(value) for name, value in own.items() if name in names}
            if isinstance(own, dict)
            else {}
        )
        read |= {tool.id: kept} if kept else {}
    return read
