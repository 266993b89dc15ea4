"""The registry: plugins by name, each loaded on use inside one guard."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nnlens.analysis import Analysis
from nnlens.errors import PluginError
from nnlens.registry.discovery import (
    ANALYSES,
    GROUPS,
    LOCAL,
    VIEWS,
    Candidate,
    PluginInfo,
    installed,
)
from nnlens.registry.local import from_class, from_file, from_origin
from nnlens.registry.remedies import remedy
from nnlens.registry.vetting import one_line, vet
from nnlens.rules import Rule
from nnlens.schema import Dims
from nnlens.view import View


class _Entry:
    """A candidate and what became of it."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.info = candidate.info
        self.loaded: object = None
        self.tried = candidate.info.error is not None
        self._version: str | None = None

    def load(self) -> None:
        """Load once, inside the one guard for everything that a stranger's code may do."""
        if self.tried:
            return
        self.tried = True
        try:
            target = self.candidate.load()
            vet(target, self.info.group)
            self.info = _describe(self.info, target)
            self.loaded = target
        except KeyboardInterrupt:
            self.tried = False
            raise
        except BaseException as error:  # sys.exit in an import must not end the server
            self.info = replace(self.info, error=one_line(error))

    @property
    def code_version(self) -> str:
        """Which code runs; asked once, because this process keeps the code that it imported."""
        if self._version is None:
            self._version = self.candidate.code_version()
        return self._version


class Registry:
    """Plugins by name.

    Parameters
    ----------
    discover : callable or None
        Group → candidates. None finds nothing, so that what is installed never changes a test.

    Attributes
    ----------
    changes : int
        Counts up with each class that the running program adds.
    """

    def __init__(self, discover: Callable[[str], list[Candidate]] | None = installed) -> None:
        self._discover = discover
        self._found: dict[str, dict[str, _Entry]] = {}
        self.changes = 0
        self._lock = threading.RLock()

    def list_plugins(self, group: str = ANALYSES, load: bool = False) -> list[PluginInfo]:
        """List a group, sorted by name; `load` imports each, which tells titles, variables and errors."""
        return [entry.info for entry in self._listed(group, load)]

    def describe(self) -> list[dict[str, Any]]:
        """Describe every plugin of every group as plain data, loaded, for ``nnlens plugins --json``."""
        return [info.to_dict() for group in GROUPS for info in self.list_plugins(group, load=True)]

    def info(self, name: str, group: str = ANALYSES) -> PluginInfo:
        """Return what is known of a plugin; PluginError if there is none of this name."""
        return self._entry(name, group).info

    def load(self, name: str, group: str = ANALYSES) -> type[Any]:
        """Return the class behind a name.

        Parameters
        ----------
        name : str
            The public name, or ``dist:name``.
        group : str
            The entry-point group.

        Raises
        ------
        PluginError
            If there is no such plugin, if two bring the name, or if it is broken.
        """
        with self._lock:
            entry = self._entry(name, group)
            entry.load()
            if entry.info.error is not None:
                raise _broken(entry.info)
            return entry.loaded  # type: ignore[return-value]

    def load_analysis(self, name: str) -> type[Analysis]:
        """Return an analysis by name; PluginError as `load`."""
        return self.load(name, ANALYSES)

    def code_version(self, name: str) -> str:
        """Tell which code an analysis runs: part of the key of its results."""
        return self._entry(name, ANALYSES).code_version

    def providers(self, variable: str, dims: Dims | None = None) -> list[PluginInfo]:
        """List the usable analyses that provide a variable (with these dims), the default first."""
        usable = [info for info in self.list_plugins(ANALYSES, load=True) if info.error is None]
        fitting = [info for info in usable if _fits(info.provides.get(variable), dims)]
        return sorted(fitting, key=lambda info: (-info.priority, info.id))

    def register(self, cls: type[Analysis] | type[View], name: str | None = None) -> type[Any]:
        """Add a class of the running program; usable as a decorator. A second one of the same name replaces it.

        Parameters
        ----------
        cls : type
            An Analysis or a View.
        name : str, optional
            Its public name; the class' name in small letters by default.

        Raises
        ------
        PluginError
            If the class breaks its contract.
        """
        group = VIEWS if isinstance(cls, type) and issubclass(cls, View) else ANALYSES
        info = self._add(from_class(cls, group, name))
        if info.error is not None:
            raise PluginError(f"{getattr(cls, '__name__', cls)} cannot be registered: {info.error}")
        return cls

    def register_file(self, spec: str) -> PluginInfo:
        """Add a class from a single file, ``file.py:Class``; a broken one is listed with its error.

        Raises
        ------
        PluginError
            If `spec` is not of this form or the file does not exist.
        """
        return self._add(from_file(spec))

    def recipe(self, names: Iterable[str]) -> dict[str, Any]:
        """Say as plain data how another process gets the same plugins: see `from_recipe`.

        Raises
        ------
        PluginError
            If one of `names` was defined where no other process can find it, such as a notebook.
        """
        wanted = {self._entry(name, ANALYSES).info.id for name in names}
        local = [entry for entry in self._listed(ANALYSES, load=False) if entry.info.distribution == LOCAL]
        for entry in local:
            if entry.candidate.origin is None and entry.info.id in wanted:
                raise PluginError(
                    f"{entry.info.name} is defined where no other process can import it.",
                    "Put the class into a file and give it as file.py:Class, or use run() instead of submit().",
                )
        origins = [
            # with the version, so that a long-lived worker runs an edited file again
            (entry.info.name, entry.candidate.origin, entry.code_version)
            for entry in local
            if entry.candidate.origin
        ]
        return {"discover": self._discover is not None, "local": origins}

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> Registry:
        """Rebuild a registry in another process."""
        registry = cls() if recipe["discover"] else cls(discover=None)
        for name, origin, _ in recipe["local"]:
            registry._add(from_origin(origin, name))
        return registry

    def _add(self, candidate: Candidate) -> PluginInfo:
        entry = _Entry(candidate)
        with self._lock:
            self._group(candidate.info.group)[candidate.info.id] = entry
            entry.load()
            self.changes += 1
        return entry.info

    def _group(self, group: str) -> dict[str, _Entry]:
        with self._lock:
            if group not in self._found:
                candidates = self._discover(group) if self._discover else []
                self._found[group] = {candidate.info.id: _Entry(candidate) for candidate in candidates}
            return self._found[group]

    def _listed(self, group: str, load: bool) -> list[_Entry]:
        with self._lock:
            entries = sorted(
                self._group(group).values(), key=lambda entry: (entry.info.name, entry.info.distribution)
            )
            if load:
                for entry in entries:
                    entry.load()
            return entries

    def _entry(self, name: str, group: str) -> _Entry:
        entries = self._group(group)
        if name in entries:
            return entries[name]
        named = [entry for entry in entries.values() if entry.info.name == name]
        if len(named) == 1:
            return named[0]
        raise _ambiguous(name, named) if named else _unknown(name, group, list(entries.values()))


def _describe(info: PluginInfo, target: object) -> PluginInfo:
    title = getattr(target, "title", "") or getattr(target, "__name__", info.name)
    info = replace(info, title=title, api=getattr(target, "plugin_api", None))
    if isinstance(target, type) and issubclass(target, Analysis):
        return replace(
            info,
            scope=target.scope,
            requires=dict(target.requires),
            provides=dict(target.provides),
            needs_model=target.needs_model,
            priority=target.priority,
        )
    if isinstance(target, type) and issubclass(target, View):
        return replace(info, requires=dict(target.shows), priority=target.priority)
    if isinstance(target, Rule):
        return replace(info, title=f"at {', '.join(sorted(target.backward))}" if target.backward else "")
    return info


def _fits(provided: Dims | None, wanted: Dims | None) -> bool:
    return provided is not None and (wanted is None or tuple(provided) == tuple(wanted))


def _broken(info: PluginInfo) -> PluginError:
    return PluginError(
        f"The plugin {info.id} cannot be used: {(info.error or '').rstrip('.')}.", remedy(info)
    )


def _ambiguous(name: str, entries: list[_Entry]) -> PluginError:
    ids = " or ".join(sorted(entry.info.id for entry in entries))
    return PluginError(f"{len(entries)} packages bring a plugin named {name!r}.", f"Say which: {ids}.")


def _unknown(name: str, group: str, entries: list[_Entry]) -> PluginError:
    kind = "analysis" if group == ANALYSES else group.rpartition(".")[2].rstrip("s")
    names = sorted({entry.info.name for entry in entries})
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(close)}? " if close else ""
    there = (
        f"There are: {', '.join(names)}."
        if names
        else "No plugin package is installed; nnlens-embedding is one."
    )
    return PluginError(f"There is no {kind} named {name!r}.", guess + there)
