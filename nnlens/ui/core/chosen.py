"""A selection in an address: how it was made, else which samples it holds, in as few signs as may be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nnlens.state import Selection, ids_in
from nnlens.ui.core.packing import packed, unpacked
from nnlens.ui.core.session import Session

IDS = 200
"""A selection that cannot be made again is written as ids up to this many; more are packed."""
LENGTH = 8_000
"""Longer addresses are cut by browsers, proxies or chat programs, so a longer selection is left out."""
MOST = 50_000
"""More ids are not even tried."""
IDS_OF, PACKED_OF = "ids:", "packed:"
"""What begins ids where they stand in place of how a selection was made."""


def write_selection(selection: Selection) -> dict[str, str]:
    """Write how a selection was made, else its ids, else nothing where they are too many for an address."""
    origin = as_json(selection.origin)
    if _lasts(selection.origin) and len(origin) <= LENGTH:
        return {"selection": origin}
    if len(selection) <= IDS:
        return {"ids": ",".join(map(str, selection.samples))}
    short = _packed(selection) if len(selection) <= MOST else ""
    return {"packed": short} if 0 < len(short) <= LENGTH else {}


@lru_cache(8)
def _packed(selection: Selection) -> str:
    """Pack the ids of a selection, once: the address is written anew at every click, and this takes 20 ms."""
    return packed(selection.samples)


def _lasts(origin: Mapping[str, Any]) -> bool:
    """Whether a selection can be made again later: not from ids, nor where the map was the picture of a running job."""
    kind = origin.get("kind", "ids")
    if kind == "combined":
        return all(_lasts(origin.get(part) or {}) for part in ("first", "second"))
    return kind != "ids" and bool(kind not in ("lasso", "box") or origin.get("projection"))


def as_json(origin: Mapping[str, Any]) -> str:
    """Write what a selection came from, or the like, as one line."""
    return json.dumps(dict(origin), separators=(",", ":"), default=_as_list)


def _as_list(value: Any) -> Any:
    """Write arrays and their numbers, which JSON does not know."""
    return (
        value.tolist()
        if hasattr(value, "tolist")
        else dict(value)
        if isinstance(value, Mapping)
        else str(value)
    )


def read_ids(text: str) -> list[int]:
    """Read ids in either form; none where it is not one of ours."""
    if text.startswith(PACKED_OF):
        found = unpacked(text.removeprefix(PACKED_OF)) if len(text) <= LENGTH + len(PACKED_OF) else None
        return [] if found is None or len(found) > MOST else found.tolist()
    return ids_in([part[:18] for part in text.removeprefix(IDS_OF).split(",")[:IDS]])


def known(session: Session, ids: Sequence[int]) -> list[int]:
    """Return those ids that the run has."""
    wanted = np.array([sample for sample in ids if abs(sample) < 2**63], np.int64)
    return [int(sample) for sample in wanted[session.data.positions(wanted) >= 0]]


def read_json(text: str) -> dict[str, Any] | None:
    """Read what `as_json` wrote; None where it did not."""
    try:
        value = json.loads(text) if len(text) <= LENGTH else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
