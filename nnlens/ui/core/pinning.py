"""Samples that stay in the pool whatever is selected, so that they can be compared; in the address too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nnlens.state import Selection
from nnlens.ui.core.chosen import IDS, PACKED_OF, known, read_ids, write_selection
from nnlens.ui.core.session import Session

FIELD = "pins"


def pin(session: Session, samples: Iterable[int]) -> None:
    """Pin samples after those that are."""
    state = session.state
    wanted = dict.fromkeys([*state.pinned, *map(int, samples)])
    there = known(session, list(wanted))
    if there != state.pinned:
        state.pinned = there


def unpin(session: Session, samples: Iterable[int]) -> None:
    """Let go of samples."""
    gone = set(map(int, samples))
    session.state.pinned = [sample for sample in session.state.pinned if sample not in gone]


def toggle(session: Session, sample: int | None) -> None:
    """Pin a sample, or let go of it."""
    if sample is not None:
        (unpin if sample in session.state.pinned else pin)(session, [sample])


def written(session: Session) -> dict[str, str]:
    """Return the field of the address: few keep their order, of many only which they are; nothing where too many."""
    pinned = session.state.pinned
    if not pinned:
        return {}
    if len(pinned) <= IDS:
        return {FIELD: ",".join(map(str, pinned))}
    short = write_selection(Selection(pinned, {"kind": "ids"})).get("packed", "")
    return {FIELD: PACKED_OF + short} if short else {}


def read(session: Session, found: Mapping[str, str], drop: Callable[[str], Any]) -> None:
    """Take the pinned samples out of the fields of an address."""
    if FIELD not in found:
        return
    ids = read_ids(found[FIELD])
    there = known(session, ids)
    if len(there) < len(ids) or not ids:
        drop("pinned samples that this run does not have")
    pin(session, there)
