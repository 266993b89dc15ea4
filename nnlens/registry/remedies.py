"""What to do about a plugin that cannot be used, in one line."""

from __future__ import annotations

import re

from nnlens.analysis import PLUGIN_API
from nnlens.disabling import DISABLE, is_disabled
from nnlens.registry.discovery import LOCAL, PluginInfo

_MISSING = re.compile(r"No module named '([\w.]+)'")
_API = re.compile(r"plugin api (\d+)")


def remedy(info: PluginInfo) -> str:
    """Say what to do about a plugin with an error."""
    error = info.error or ""
    if is_disabled(info.name, info.distribution):
        return f"Unset {DISABLE}, or take it out of there."
    if info.distribution == LOCAL:
        return "Repair its file; in a script put all but definitions under if __name__ == '__main__'."
    if missing := _MISSING.search(error):
        module = missing[1].partition(".")[0]
        return f"It needs {module}, which is not installed: pip install it, or {info.distribution} anew."
    if api := _API.search(error):
        return f"Update {'nnlens' if int(api[1]) > PLUGIN_API else info.distribution}."
    return f"Repair or remove its package {info.distribution}; everything else works without it."


def remedy_of_twins(info: PluginInfo, packages: list[str]) -> str:
    """Say what to do about a name that several packages bring."""
    ids = " or ".join(f"{package}:{info.name}" for package in packages)
    return f"Say which in full, {ids}, or switch one off: {DISABLE}={packages[-1]}:{info.name}."
