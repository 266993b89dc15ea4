"""Find what is installed without importing it: entry-point metadata, and which version of the code it is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any

from nnlens.disabling import DISABLE, distribution_name, is_disabled
from nnlens.schema import Dims

ANALYSES = "nnlens.analyses"
VIEWS = "nnlens.views"
MODELS = "nnlens.models"
SAMPLES = "nnlens.samples"
RULES = "nnlens.rules"
GROUPS = (ANALYSES, VIEWS, MODELS, SAMPLES, RULES)
LOCAL = "local"
"""What stands for the distribution of a class that comes from a file or from the running program."""


@dataclass(frozen=True)
class PluginInfo:
    """What is known of a plugin; a broken one is data like any other.

    Attributes
    ----------
    name, distribution, version : str
        The entry point's name, and the package that brings it.
    group : str
        The entry-point group, such as ``nnlens.analyses``.
    target : str
        ``module:Class``.
    error : str or None
        Why it cannot be used, one line; known after loading.
    api : int or None
        The contract it was written for; like all that follows it is known only after loading.
    title, scope : str
    requires, provides : mapping of str to dims
    needs_model : bool
    priority : int
    """

    name: str
    distribution: str
    version: str
    group: str
    target: str
    error: str | None = None
    api: int | None = None
    title: str = ""
    scope: str = ""
    requires: Mapping[str, Dims] = field(default_factory=dict)
    provides: Mapping[str, Dims] = field(default_factory=dict)
    needs_model: bool = False
    priority: int = 0

    @property
    def id(self) -> str:
        """``dist:name``, which is unique."""
        return f"{self.distribution}:{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "error": self.error,
            "group": self.group,
            "api": self.api,
            "title": self.title,
            "scope": self.scope,
            "requires": {name: list(dims) for name, dims in self.requires.items()},
            "provides": {name: list(dims) for name, dims in self.provides.items()},
            "needs_model": self.needs_model,
            "priority": self.priority,
        }


@dataclass(frozen=True)
class Candidate:
    """A plugin that may be loaded.

    Attributes
    ----------
    info : PluginInfo
    load : callable
        Imports and returns the object; may raise anything.
    code_version : callable
        Tells which code would run: the version, for editable installs with a hash of the sources.
    origin : str or None
        How another process finds it where no entry point leads there: ``file.py:Class`` or ``module:Class``.
    """

    info: PluginInfo
    load: Callable[[], object]
    code_version: Callable[[], str]
    origin: str | None = None


def installed(group: str) -> list[Candidate]:
    """List the entry points of a group from the metadata of all distributions, importing nothing."""
    found: list[Candidate] = []
    for distribution in _distributions():
        found += _candidates(distribution, group)
    return sorted(found, key=lambda candidate: (candidate.info.name, candidate.info.distribution))


def _distributions() -> Iterator[Distribution]:
    """Yield each distribution once: what comes first on the path shadows the rest, as it does for imports."""
    seen: set[str] = set()
    for distribution in distributions():
        name = _name(distribution)
        if name not in seen:
            seen.add(name)
            yield distribution


def _name(distribution: Distribution) -> str:
    # a folder of metadata without a name (half-removed packages leave them) must not end the listing
    try:
        return distribution_name(distribution.metadata["Name"])
    except (KeyError, OSError, ValueError, TypeError):
        return ""


def _candidates(distribution: Distribution, group: str) -> list[Candidate]:
    try:
        entries = [entry for entry in distribution.entry_points if entry.group == group]
    except Exception as error:  # a stranger's metadata may be broken in any way; it is shown, not raised
        return [_unreadable(_name(distribution), group, error)] if _mentions(distribution, group) else []
    return [_candidate(distribution, entry) for entry in entries]


def _mentions(distribution: Distribution, group: str) -> bool:
    return group in (distribution.read_text("entry_points.txt") or "")


def _unreadable(name: str, group: str, error: Exception) -> Candidate:
    words = f"its entry points cannot be read ({type(error).__name__})"

    def load() -> object:
        raise ValueError(words)

    return Candidate(PluginInfo("?", name, "", group, "", error=words), load, lambda: "")


def _candidate(distribution: Distribution, entry: EntryPoint) -> Candidate:
    info = PluginInfo(entry.name, _name(distribution), distribution.version or "", entry.group, entry.value)
    if is_disabled(info.name, info.distribution):
        return Candidate(_with_error(info, f"switched off by {DISABLE}"), entry.load, lambda: info.version)
    return Candidate(info, entry.load, lambda: code_version(distribution, entry))


def _with_error(info: PluginInfo, error: str) -> PluginInfo:
    return PluginInfo(info.name, info.distribution, info.version, info.group, info.target, error=error)


def code_version(distribution: Distribution, entry: EntryPoint) -> str:
    """Return the version, with a hash of the sources where the install is editable and so changes under one version."""
    version = distribution.version or "0"
    if not _is_editable(distribution):
        return version
    return f"{version}+{hash_sources(entry.module.partition('.')[0])}"


def _is_editable(distribution: Distribution) -> bool:
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return bool(origin.get("dir_info", {}).get("editable", False))


def hash_sources(package: str) -> str:
    """Hash every Python file of a top-level package, without importing it; 16 hexadecimal digits."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "0" * 16
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    return hash_files(files, origin.parent)


def hash_files(files: list[Path], root: Path) -> str:
    """Hash the names (below `root`) and the contents of files; 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]
