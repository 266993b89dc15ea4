"""The plugins: listed without importing, loaded on use, broken ones kept as data.

Everything a stranger's code does while it is imported is caught, ``SystemExit`` included. Two things cannot be caught
inside one process and are not: an import that never returns, and one that calls ``os._exit``.
"""

from __future__ import annotations

from typing import Any

from nnlens.analysis import Analysis
from nnlens.registry.discovery import ANALYSES, GROUPS, VIEWS, PluginInfo
from nnlens.registry.registry import Registry
from nnlens.view import View

__all__ = [
    "ANALYSES",
    "GROUPS",
    "VIEWS",
    "PluginInfo",
    "Registry",
    "current",
    "list_plugins",
    "load",
    "register",
    "register_file",
]

_current = Registry()


def current() -> Registry:
    """Return the registry of this process: what is installed, and what was registered."""
    return _current


def list_plugins(group: str = ANALYSES, load: bool = False) -> list[PluginInfo]:
    """List a group of this process' plugins; see `Registry.list_plugins`."""
    return current().list_plugins(group, load)


def load(name: str, group: str = ANALYSES) -> type[Any]:
    """Return the class behind a plugin's name; see `Registry.load`."""
    return current().load(name, group)


def register(cls: type[Analysis] | type[View], name: str | None = None) -> type[Any]:
    """Add an Analysis or a View of the running program; see `Registry.register`."""
    return current().register(cls, name)


def register_file(spec: str) -> PluginInfo:
    """Add a class from ``file.py:Class``; see `Registry.register_file`."""
    return current().register_file(spec)
