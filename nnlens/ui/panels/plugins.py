"""The list of plugins: what is installed, what is broken and why, what may be installed."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nnlens.registry import PluginInfo
from nnlens.ui.core.session import Session
from nnlens.ui.look.live import Live
from nnlens.ui.look.parts import empty, icon
from nnlens.ui.look.text import fill, joined, name, plain

SUGGESTED = {
    "nnlens-embedding": "maps, neighbors",
    "nnlens-evaluation": "loss, confusion",
    "nnlens-attribution": "what in a picture counts",
    "nnlens-channels": "feature maps, channels",
}
KINDS = {
    "nnlens.analyses": "analysis",
    "nnlens.views": "view",
    "nnlens.models": "model",
    "nnlens.samples": "samples",
    "nnlens.rules": "rule",
}


class PluginList:
    """Every plugin with its package, version and error."""

    def __init__(self, session: Session, plugins: Sequence[PluginInfo]) -> None:
        self.view = Live(guard=session.guard, css="bottom.css", sizing_mode="stretch_both")
        self.view.show(_list(plugins))


def _list(plugins: Sequence[PluginInfo]) -> Markup:
    failed = sum(plugin.error is not None for plugin in plugins)
    installed = {plugin.distribution for plugin in plugins}
    missing = {package: what for package, what in SUGGESTED.items() if package not in installed}
    hints = joined(
        fill('<div class="sec">{what}: <code>pip install {package}</code></div>', what=what, package=package)
        for package, what in missing.items()
    )
    if not plugins:
        return empty(
            "No plugin is installed",
            "Analyses come as packages of their own; the page works without them.",
            action=hints,
        )
    return fill(
        '<div class="scroll list" data-scroll tabindex="0" role="region" aria-label="plugins">'
        '<div class="h3"><span>{good} loaded</span><span '
        'class="cap">{bad}</span></div>'
        "{rows}{hints}</div>",
        good=len(plugins) - failed,
        bad=f"{failed} cannot be used" if failed else "",
        rows=joined(map(_row, sorted(plugins, key=lambda p: (p.error is None, p.distribution, p.name)))),
        hints=hints,
    )


def _row(plugin: PluginInfo) -> Markup:
    return fill(
        '<div class="plugin {off}"><span class="sign">{sign}</span><span class="b '
        'cut">{plugin}</span><span class="cap cut">{kind}'
        '{title}</span><span class="sec cut">{package} {version}</span><span class="{tone} cut" '
        'title="{full}">{error}</span></div>',
        off="broken" if plugin.error else "",
        sign=icon("error_outline", "bad") if plugin.error else icon("check", "good"),
        plugin=name(plugin.name),
        kind=KINDS.get(plugin.group, plain(plugin.group)),
        title=f" · {plain(plugin.title)}" if plugin.title else "",
        package=name(plugin.distribution),
        version=plain(plugin.version, 24) if plugin.version else "",
        tone="bad" if plugin.error else "cap",
        full=plain(plugin.error or "", 400),
        error=plain(plugin.error, 160) if plugin.error else "",
    )
