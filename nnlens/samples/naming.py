"""Names out of files in messages: they may be anything."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[object]) -> str:
    """List the first few of some names, each shortened, on one line."""
    return (
        ", ".join(repr(str(name)[:40]) for name in names[:8]) + (", …" if len(names) > 8 else "") or "nothing"
    )
