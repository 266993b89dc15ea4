"""The state in the page's address: what is shown and selected, so that a link shows the same.

Nothing in an address is trusted: what is unknown or out of range is dropped, with a word to the user.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import panel as pn

from nnlens.state import FRONT, TOOLS, Draw, Extent, MapState, Selection, ids_in
from nnlens.ui.core import choices, pinning
from nnlens.ui.core.chosen import IDS_OF, PACKED_OF, as_json, known, read_ids, read_json, write_selection
from nnlens.ui.core.session import Session
from nnlens.ui.core.turning import read_turn
from nnlens.ui.look.text import plain

NO_CLASS = "none"
DRAW = "draw:"
"""What begins the samples of a map that are drawn at random."""
KEPT = ("map_a", "map_b", "color_by", "focus", "visible", "selection", "pinned", "choices")
MAPS = ("map_a", "map_b")
FIELDS = 100
"""Fields of an address, at most."""
PAGE = "page."
"""What begins the key of a plugin's page."""

Drop = Callable[[str], Any]


def to_query(session: Session, runs: Sequence[str] = ()) -> str:
    """Write the state as the query of an address.

    Parameters
    ----------
    session : Session
    runs : sequence of str
        The runs that can be opened. The name of this one is written, so that the address does not speak of the
        samples of another, which is served there later, without a word.
    """
    state = session.state
    fields: dict[str, str] = {"run": session.data.name} if runs else {}
    fields |= {"theme": session.theme} if session.dark or session.theme_chosen else {}
    for which in MAPS:
        fields |= _write_map(which, getattr(state, which))
    fields |= {"color": state.color_by} if state.color_by != "label" else {}
    fields |= {"focus": str(state.focus)} if state.focus is not None else {}
    fields |= {"classes": ",".join(map(str, state.visible)) or NO_CLASS} if state.visible is not None else {}
    fields |= {f"{PAGE}{page}": as_json(own) for page, own in session.pages.items()}
    fields |= pinning.written(session)
    fields |= choices.written(session)
    if len(state.selection):
        fields |= write_selection(state.selection)
    elif state.pending:  # it may still be made
        fields |= {"selection": as_json(state.pending)}
    return urlencode(fields)


def _write_map(which: str, shown: MapState) -> dict[str, str]:
    written = {which: shown.layer, f"{which}_by": shown.analysis}
    if shown.parameters:
        written[f"{which}_with"] = json.dumps(dict(shown.parameters), separators=(",", ":"), default=str)
    if shown.extent:
        written[f"{which}_view"] = ",".join(f"{number:.5g}" for number in shown.extent)
    written[f"{which}_of"] = _write_samples(shown.samples)
    written[f"{which}_turn"] = ",".join(f"{angle:g}" for angle in shown.turn) if shown.turn != FRONT else ""
    written[f"{which}_tool"] = shown.tool if shown.tool != TOOLS[0] else ""
    return {key: value for key, value in written.items() if value}


def _write_samples(samples: Draw | Selection | None) -> str:
    """Write of which samples a map is made: a draw, how they were selected, or few ids; else nothing."""
    if isinstance(samples, Draw):
        return f"{DRAW}{samples.number},{samples.seed}"
    written = write_selection(samples) if samples else {}
    kinds = {"ids": IDS_OF, "packed": PACKED_OF}
    return next((f"{kinds.get(key, '')}{text}" for key, text in written.items()), "")


def from_query(session: Session, query: str) -> None:
    """Read the state from the query of an address.

    Parameters
    ----------
    session : Session
        Is changed; hears of what was dropped.
    query : str
        With or without its question mark.
    """
    drop: Drop = lambda what: session.report(f"The address asks for {what}, which is left out.", "info")  # noqa: E731
    found = _fields(query, drop)
    state, data = session.state, session.data
    for which in MAPS:
        if which in found or f"{which}_by" in found:
            read = replace(_read_map(which, found, drop), samples=_read_samples(session, which, found, drop))
            state.param.update(**{which: read})
    if "color" in found:
        known = {*data.colorings, *data.extras}
        if found["color"] in known:
            state.color_by = found["color"]
        else:
            drop(f"the color {plain(found['color'])}")
    _read_focus(session, found, drop)
    _read_classes(session, found, drop)
    _read_pages(session, found, drop)
    _read_selection(session, found, drop)
    pinning.read(session, found, drop)
    choices.read(session, found, drop)


def _fields(query: str, drop: Drop) -> dict[str, str]:
    """Take an address apart; of a field that is there twice the last one counts."""
    try:
        found = parse_qs(query.lstrip("?"), max_num_fields=FIELDS)
    except ValueError:
        drop(f"more than {FIELDS} things")
        return {}
    return {key: values[-1] for key, values in found.items()}


def _of_run(query: str, run: str, runs: Sequence[str]) -> str:
    """Leave out what an address says of another run, from which this one was opened: its samples are others."""
    fields = parse_qsl(query.lstrip("?"))
    told = dict(fields).get("run", run)
    if told == run or told not in runs:
        return query
    return urlencode(
        [(key, text) for key, text in fields if key == "theme" or key.startswith(choices.PREFIX)]
    )


def _read_map(which: str, found: Mapping[str, str], drop: Drop) -> MapState:
    read = MapState(found.get(which, ""), found.get(f"{which}_by", ""))
    parameters = read_json(found.get(f"{which}_with", "{}"))
    if parameters is None:
        drop("parameters that cannot be read")
    view = _read_extent(found.get(f"{which}_view", ""))
    turn = read_turn(found.get(f"{which}_turn", "").split(","))
    tool = next((name for name in TOOLS if name == found.get(f"{which}_tool")), TOOLS[0])
    return replace(read, parameters=parameters or {}, extent=view, turn=turn, tool=tool)


def _read_samples(
    session: Session, which: str, found: Mapping[str, str], drop: Drop
) -> Draw | Selection | None:
    text = found.get(f"{which}_of", "")
    if not text:
        return None
    read: Draw | Selection | None
    if text.startswith(DRAW):
        numbers = ids_in([part[:9] for part in text.removeprefix(DRAW).split(",")])
        read = Draw(*numbers) if len(numbers) == 2 and min(numbers) >= 0 < numbers[0] else None
    elif text.startswith((IDS_OF, PACKED_OF)):
        read = Selection(known(session, read_ids(text)), {"kind": "ids"})
    else:
        read = _read_origin(session, text)
    if read is None or (isinstance(read, Selection) and not len(read)):
        drop("samples for a map that cannot be chosen again")
        return None
    return read


def _read_origin(session: Session, text: str) -> Selection | None:
    origin = read_json(text)
    mask = session.replay(origin) if origin and _replayable(origin, session) else None
    return None if origin is None or mask is None else Selection(session.data.ids[mask], origin)


def _read_extent(text: str) -> Extent | None:
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        return None
    good = all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1
    return (x0, y0, x1, y1) if good else None


def _read_focus(session: Session, found: Mapping[str, str], drop: Drop) -> None:
    if "focus" not in found:
        return
    sample = next(iter(ids_in([found["focus"][:18]])), None)
    if session.data.position(sample) is None:
        drop(f"the sample {plain(found['focus'], 20)}")
    else:
        session.state.focus = sample


def _read_classes(session: Session, found: Mapping[str, str], drop: Drop) -> None:
    if "classes" not in found:
        return
    texts = [text for text in found["classes"].split(",") if text not in ("", NO_CLASS)]
    codes = [
        code for code in ids_in([text[:9] for text in texts]) if 0 <= code < len(session.data.class_names)
    ]
    if len(codes) < len(texts):
        drop("a class that this run does not have")
    if codes or not texts:  # none on purpose, but not because none of them exists
        session.state.visible = sorted(set(codes))


def _read_pages(session: Session, found: Mapping[str, str], drop: Drop) -> None:
    """Keep what the pages of plugins get when they are opened; each checks its own."""
    asked = {key.removeprefix(PAGE): text for key, text in found.items() if key.startswith(PAGE)}
    read = {page: read_json(text) for page, text in asked.items() if page in session.page_ids}
    if len(read) < len(asked) or None in read.values():
        drop("the state of a page that cannot be read")
    session.pages = {page: own for page, own in read.items() if own}


def _read_selection(session: Session, found: Mapping[str, str], drop: Drop) -> None:
    if "ids" in found or "packed" in found:
        ids = read_ids(IDS_OF + found["ids"] if "ids" in found else PACKED_OF + found["packed"])
        there = known(session, ids)
        if len(there) < len(ids) or not ids:
            drop("samples that this run does not have")
        session.state.select(there, {"kind": "ids"})
    if "selection" in found:
        origin = read_json(found["selection"])
        if origin is None or not _replayable(origin, session):
            drop("a selection that cannot be made again")
            return
        session.state.pending = origin
        resume(session, drop)


def _replayable(origin: Any, session: Session, depth: int = 0) -> bool:
    """Whether an origin has only kinds that the session can make again."""
    if not isinstance(origin, dict) or depth > 20:
        return False
    if origin.get("kind") == "combined":
        return all(_replayable(origin.get(part), session, depth + 1) for part in ("first", "second"))
    return origin.get("kind") in session.resolvers


def resume(session: Session, drop: Drop | None = None) -> None:
    """Make the selection that the address asks for, once the map that it was drawn on is there."""
    before = len(session.messages)
    session.resume()
    if len(session.messages) > before and drop is not None:  # it cannot be made again, and that was told
        session.state.pending = {}


class Address:
    """Keeps the address of a page at its state.

    Parameters
    ----------
    session : Session
    runs : sequence of str
        The runs that can be opened.
    """

    def __init__(self, session: Session, runs: Sequence[str] = ()) -> None:
        self.session, self.runs = session, runs
        self.location = pn.state.location
        if self.location is not None:
            self._watchers = [
                session.state.param.watch(session.guard(lambda _: self.write()), list(KEPT)),
                session.param.watch(session.guard(lambda _: self.write()), ["theme", "pages"]),
            ]

    def read(self) -> None:
        """Take the state from the address."""
        if self.location is not None and self.location.search:
            from_query(self.session, _of_run(self.location.search, self.session.data.name, self.runs))

    def tell(self) -> None:
        """Say what the address cannot hold; the link was copied."""
        state = self.session.state
        written = [(state.selection, "the selection")]
        written += [(shown.samples, "the samples of a map") for shown in (state.map_a, state.map_b)
                    if isinstance(shown.samples, Selection)]  # fmt: skip
        written += [(Selection(state.pinned, {"kind": "ids"}), "the pinned samples")]
        for chosen, what in written:
            if len(chosen) and not write_selection(chosen):
                told = f"The link opens this view without {what}: {len(chosen):,} ids are too many for an address."
                hint = "Export saves them as a file. A filter, a lasso, a box or a cell fits any link."
                self.session.report(told, "warning", hint)

    def write(self) -> None:
        """Write the state into the address, without loading anything."""
        if self.location is not None:
            search = f"?{to_query(self.session, self.runs)}"
            if search != self.location.search:
                self.location.search = search
