"""The plugins, by package: what is installed, what each gives and needs, what is wrong with one and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from markupsafe import Markup

from nnlens.disabling import is_disabled
from nnlens.registry import PluginInfo
from nnlens.registry.discovery import ANALYSES, LOCAL, MODELS, RULES, SAMPLES, VIEWS
from nnlens.registry.remedies import remedy, remedy_of_twins
from nnlens.schema import Dims
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
KINDS = {ANALYSES: "analysis", VIEWS: "view", MODELS: "model", SAMPLES: "samples", RULES: "rule"}
State = Literal["broken", "same name", "off", "ready"]
SIGNS: Mapping[State, tuple[str, str]] = {
    "broken": ("error_outline", "bad"),
    "same name": ("warning_amber", "warn"),
    "off": ("block", ""),
    "ready": ("check", "good"),
}
WORDS: Mapping[State, str] = {
    "broken": "{n} cannot be used",
    "same name": "{n} of one name",
    "off": "{n} switched off",
    "ready": "{n} ready",
}


@dataclass(frozen=True)
class Standing:
    """A plugin and how it stands.

    Attributes
    ----------
    info : PluginInfo
    state : str
        ``ready``, ``broken``, ``off`` or ``same name``.
    words : str
        What is wrong; empty where nothing is.
    remedy : str
        What to do about it.
    """

    info: PluginInfo
    state: State
    words: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """All of it as one line, for a report of a bug."""
        info = self.info
        told = f": {self.words}" if self.words else ""
        kind = KINDS.get(info.group, info.group)
        return f"{info.distribution} {info.version} · {info.name} ({kind}) · {self.state}{told}"


def standings(plugins: Sequence[PluginInfo]) -> list[Standing]:
    """Tell how each plugin stands, by package, those with trouble first."""
    packages: dict[tuple[str, str], list[str]] = {}
    for info in plugins:
        if not is_disabled(info.name, info.distribution):
            packages.setdefault((info.group, info.name), []).append(info.distribution)
    found = [_standing(info, packages.get((info.group, info.name), [])) for info in plugins]
    order = list(SIGNS)
    worst: dict[str, int] = {}
    for each in found:
        package = each.info.distribution
        worst[package] = min(worst.get(package, len(order)), order.index(each.state))

    def place(each: Standing) -> tuple[int, str, int, str, str]:
        info = each.info
        return worst[info.distribution], info.distribution, order.index(each.state), info.group, info.name

    return sorted(found, key=place)


def _standing(info: PluginInfo, packages: list[str]) -> Standing:
    if is_disabled(info.name, info.distribution):
        return Standing(info, "off", info.error or "switched off", remedy(info))
    if info.error is not None:
        return Standing(info, "broken", info.error, remedy(info))
    if len(packages) > 1:
        words = f"{' and '.join(packages)} bring a plugin of this name"
        return Standing(info, "same name", words, remedy_of_twins(info, packages))
    return Standing(info, "ready")


class PluginList:
    """Every plugin with its package, version and error."""

    def __init__(self, session: Session, plugins: Sequence[PluginInfo]) -> None:
        self.view = Live(guard=session.guard, css=["bottom.css", "plugins.css"], sizing_mode="stretch_both")
        self.view.show(_list(standings(plugins)))


def _list(plugins: Sequence[Standing]) -> Markup:
    installed = {each.info.distribution for each in plugins}
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
    packages = groupby(plugins, key=lambda each: each.info.distribution)
    return fill(
        '<div class="scroll list" data-scroll tabindex="0" role="region" aria-label="plugins"><div class="plugins">'
        '<div class="h3"><span>{summary}</span><button class="do" type="button" data-copy="{text}">Copy as text'
        "</button></div>{packages}{hints}</div></div>",
        summary=_summary(plugins),
        text="\n".join(each.text for each in plugins),
        packages=joined(_package(package, list(its)) for package, its in packages),
        hints=hints,
    )


def _summary(plugins: Sequence[Standing]) -> str:
    states = Counter(each.state for each in plugins)
    return " · ".join(
        WORDS[state].format(n=states[state]) for state in reversed(list(SIGNS)) if states[state]
    )


def _package(package: str, plugins: Sequence[Standing]) -> Markup:
    kinds = Counter(KINDS.get(each.info.group, "other") for each in plugins)
    version = plugins[0].info.version
    return fill(
        '<section class="package"><h3><b>{package}</b> <span class="sec">{version}</span> <span class="cap">{kinds}'
        "</span></h3>{rows}</section>",
        package="a file, or this program" if package == LOCAL else name(package),
        version=plain(version, 24) if version and package != LOCAL else "",
        kinds=" · ".join(f"{n} {_plural(kind, n)}" for kind, n in kinds.items()),
        rows=joined(map(_row, plugins)),
    )


def _plural(kind: str, number: int) -> str:
    if number == 1 or kind == "samples":
        return kind
    return {"analysis": "analyses"}.get(kind, f"{kind}s")


def _row(plugin: Standing) -> Markup:
    info, (sign, tone) = plugin.info, SIGNS[plugin.state]
    return fill(
        '<div class="plugin {kind}">{sign}<span class="b cut">{plugin}</span><span class="sec cut" '
        'title="{full}">{title}</span>{rest}</div>',
        kind="" if plugin.state == "ready" else "troubled",
        sign=fill(
            '<span class="sign" role="img" aria-label="{state}" title="{state}">{icon}</span>',
            state=plugin.state,
            icon=icon(sign, tone),
        ),
        plugin=name(info.name),
        full=plain(info.title, 120) if info.title else "",
        title=plain(info.title, 60) if info.title else KINDS.get(info.group, plain(info.group)),
        rest=_gives(info) if plugin.state == "ready" else _trouble(plugin, tone),
    )


def _gives(info: PluginInfo) -> Markup:
    """Say what a plugin gives and what it needs; its dims in the tooltips."""
    network = ["the network"] if info.needs_model else []
    needs, gives = [*map(str, info.requires), *network], list(info.provides)
    if info.group == VIEWS:
        needs, gives = [], ["draws", *info.requires] if info.requires else ["a tab"]
    return fill(
        '<span class="cap cut" title="{all_gives}">{gives}</span>'
        '<span class="cap cut" title="{all_needs}">{needs}</span>',
        all_gives=_with_dims(info.provides),
        gives=plain(f"gives {', '.join(gives)}", 90)
        if info.provides
        else plain(" ".join(gives), 90)
        if gives
        else "",
        all_needs=_with_dims(info.requires),
        needs=plain(f"needs {', '.join(needs)}", 90) if needs else "",
    )


def _with_dims(variables: Mapping[str, Dims]) -> str:
    return (
        plain("; ".join(f"{key} ({', '.join(dims)})" for key, dims in variables.items()), 300)
        if variables
        else ""
    )


def _trouble(plugin: Standing, tone: str) -> Markup:
    return fill(
        '<span class="what"><span class="{tone}">{words}.</span> {remedy}</span>'
        '<button class="do" type="button" data-copy="{text} {remedy}">Copy</button>',
        tone=tone or "sec",
        words=plain(plugin.words.rstrip("."), 300),
        remedy=plain(plugin.remedy, 300),
        text=plugin.text,
    )
