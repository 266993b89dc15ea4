"""What was chosen inside of panels, such as the open tab or the sides of the matrix, as short texts in the address.

A panel keeps its choice under a name of its own, and gets back what a link brings, whenever it is built::

    follow(session, "shade", lambda text: matrix.shade_by(text or "count"))
    choose(session, "shade", "row")  # at each change

What a link says is not trusted: the panel gets a text, and takes no more than it knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import param

from nnlens.ui.core.session import Session

PREFIX = "at."
"""What begins their names in the address."""
NOTHING = "-"
"""Stands for an empty text that was chosen."""
LONGEST, MOST = 1_000, 40
"""Signs of each, and how many an address may hold."""


def written(session: Session) -> dict[str, str]:
    """Return the fields of the address."""
    return {f"{PREFIX}{name}": text for name, text in sorted(session.state.choices.items()) if text}


def read(session: Session, found: Mapping[str, str], drop: Callable[[str], Any]) -> None:
    """Take the choices out of the fields of an address."""
    mine = {key.removeprefix(PREFIX): text for key, text in found.items() if key.startswith(PREFIX)}
    kept = {name: text for name, text in list(mine.items())[:MOST] if name and len(text) <= LONGEST}
    if len(kept) < len(mine):
        drop("choices that cannot be read")
    if kept:
        session.state.choices = {**session.state.choices, **kept}


def choose(session: Session, name: str, text: str) -> None:
    """Keep what was chosen; an empty text is what is shown without being asked."""
    if session.state.choices.get(name, "") != text:
        session.state.choices = {**session.state.choices, name: text[:LONGEST]}


def follow(session: Session, name: str, taken: Callable[[str], Any]) -> None:
    """Have a function take what a link chose: now, and whenever one is read.

    It gets a text of a stranger, and takes no more than it knows. What the panel itself has chosen comes back to it as
    well, so it does nothing where nothing changes.
    """
    last = [""]

    def look() -> None:
        text = str(session.state.choices.get(name, ""))
        if text != last[0]:
            last[0] = text
            taken(text)

    guarded = session.guard(look)
    session.state.param.watch(lambda _: guarded(), "choices")
    guarded()


def read_list(text: str) -> list[str]:
    """Read a list of texts as JSON; none where it is no such list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else []


def bind(
    session: Session, owner: param.Parameterized, names: Mapping[str, str], taken: Callable[[str, str], Any]
) -> None:
    """Keep parameters of an object as choices.

    Parameters
    ----------
    session : Session
    owner : Parameterized
    names : mapping of str to str
        By parameter, what its choice is called. What they are now is what is shown without being asked.
    taken : callable
        Gets the parameter and the text that a link has for it; checks it and sets it.
    """
    first = {name: _text(getattr(owner, name)) for name in names}

    def keep(name: str) -> None:
        text = _text(getattr(owner, name))
        choose(session, names[name], "" if text == first[name] else text or NOTHING)

    for name, called in names.items():
        owner.param.watch(session.guard(lambda _, name=name: keep(name)), name)
        follow(session, called, partial(_take, owner, name, first[name], taken))


def _take(
    owner: param.Parameterized, name: str, first: str, taken: Callable[[str, str], Any], text: str
) -> None:
    wanted = first if text == "" else "" if text == NOTHING else text
    if wanted != _text(getattr(owner, name)):
        taken(name, wanted)


def _text(value: Any) -> str:
    """Write a value so that it reads back."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
