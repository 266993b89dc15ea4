"""Which plugins the environment switches off."""

from __future__ import annotations

import os
import re

DISABLE = "NNLENS_DISABLE_PLUGINS"
"""Environment variable: names, distributions or ``dist:name`` to skip, separated by commas."""


def is_disabled(name: str, distribution: str) -> bool:
    """Whether the environment asks to skip a plugin of this name and distribution."""
    names = {each.strip() for each in os.environ.get(DISABLE, "").split(",")}
    return bool({name, distribution, f"{distribution}:{name}"} & names)


def distribution_name(name: str | None) -> str:
    """Return the name of a distribution in the one form that package indexes compare by."""
    return re.sub(r"[-_.]+", "-", name or "").lower()
