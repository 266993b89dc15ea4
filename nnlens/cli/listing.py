"""``nnlens plugins``: what is installed, and why what is broken cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlens.cli.console import say, show_json, show_table
from nnlens.cli.options import Plugin, register_plugins

if TYPE_CHECKING:
    from nnlens.registry import PluginInfo


def plugins(
    plugin: Plugin = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list for a program to read.")] = False,
) -> None:
    """List the analyses, views and backward rules that are installed, the broken ones with their error."""
    register_plugins(plugin)
    found = _load_all()
    if as_json:
        show_json([facts_of(each) for each in found])
        return
    if not found:
        say(
            "No plugins are installed. Get some: "
            "pip install nnlens-embedding nnlens-evaluation nnlens-attribution nnlens-channels"
        )
        return
    show_table(
        [
            (
                each.name,
                each.group.removeprefix("nnlens."),
                f"{each.distribution} {each.version}",
                each.title if not each.error else "",
            )
            for each in found
        ],
        ("name", "kind", "package", "title"),
    )
    for each in found:
        if each.error:
            say(f"{each.distribution}:{each.name} cannot be used: {each.error}")


def facts_of(plugin: PluginInfo) -> dict[str, Any]:
    """Return one plugin as plain data."""
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "error": plugin.error,
        "group": plugin.group,
        "target": plugin.target,
        "title": plugin.title,
        "requires": {name: list(dims) for name, dims in plugin.requires.items()},
        "provides": {name: list(dims) for name, dims in plugin.provides.items()},
    }


def _load_all() -> list[PluginInfo]:
    """Load every plugin, so that its error is known."""
    from nnlens import registry
    from nnlens.registry.discovery import GROUPS

    return [each for group in GROUPS for each in registry.list_plugins(group, load=True)]
