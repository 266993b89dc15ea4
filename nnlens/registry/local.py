"""Plugins that are not yet a package: a class of the running program, or one in a single file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

from nnlens.errors import PluginError
from nnlens.registry.discovery import ANALYSES, LOCAL, VIEWS, Candidate, PluginInfo
from nnlens.view import View

_HOW = "Write it as file.py:Class."


def from_class(cls: type[Any], group: str, name: str | None) -> Candidate:
    """Make a candidate of a class that exists."""
    origin = _origin_of(cls)
    target = origin or f"{getattr(cls, '__module__', '?')}:{getattr(cls, '__qualname__', '?')}"
    version = _source_version(cls)
    info = PluginInfo(name or getattr(cls, "__name__", "?").lower(), LOCAL, version, group, target)
    return Candidate(info, lambda: cls, lambda: version, origin)


def from_file(spec: str, name: str | None = None) -> Candidate:
    """Make a candidate of ``file.py:Class``.

    Raises
    ------
    PluginError
        If the text has another form or the file does not exist.
    """
    file, _, class_name = spec.rpartition(":")
    path = Path(file).expanduser()
    if path.suffix != ".py" or not class_name.isidentifier():
        raise PluginError(f"{spec!r} names no plugin.", _HOW)
    if not path.is_file():
        raise PluginError(f"There is no file {file!r}.", _HOW)
    return _file_candidate(path.resolve(), class_name, name or class_name.lower())


def from_origin(origin: str, name: str) -> Candidate:
    """Make a candidate in another process from what `Candidate.origin` said."""
    module, _, class_name = origin.rpartition(":")
    if module.endswith(".py"):
        return from_file(origin, name)
    cls: Any = importlib.import_module(module)
    for part in class_name.split("."):
        cls = getattr(cls, part)
    return from_class(cls, _group_of(cls), name)


def _file_candidate(path: Path, class_name: str, name: str) -> Candidate:
    """Run the file at once, because only its class tells the group; a failure is raised again inside the guard."""
    version = _version(path.read_bytes())
    outcome: object = None
    failure: BaseException | None = None
    try:
        outcome = _class_in(path, class_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a file is one plugin's failure, not the program's end
        failure = error

    def load() -> object:
        if failure is not None:
            raise failure
        return outcome

    info = PluginInfo(name, LOCAL, version, _group_of(outcome), f"{path.name}:{class_name}")
    return Candidate(info, load, lambda: version, f"{path}:{class_name}")


def _class_in(path: Path, class_name: str) -> object:
    module = run_file(path)
    if not hasattr(module, class_name):
        raise PluginError(f"there is no {class_name} in {path.name}.")
    return getattr(module, class_name)


def run_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, never as ``__main__``, so that a script's guard holds."""
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"nnlens_plugin_{path.stem}_{mark}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path.name} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _group_of(cls: object) -> str:
    return VIEWS if isinstance(cls, type) and issubclass(cls, View) else ANALYSES


def _origin_of(cls: type[Any]) -> str | None:
    """Tell how another process can import a class, or None: a notebook's class, or one made inside a function."""
    module, qualified = getattr(cls, "__module__", "__main__"), getattr(cls, "__qualname__", "<locals>")
    if "<locals>" in qualified:
        return None
    file = getattr(sys.modules.get(module), "__file__", None)
    if module == "__main__" or module.startswith("nnlens_plugin_"):
        return f"{Path(file).resolve()}:{qualified}" if file else None
    try:
        importable = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        importable = False
    if importable:
        return f"{module}:{qualified}"
    return f"{Path(file).resolve()}:{qualified}" if file else None


def _source_version(cls: type[Any]) -> str:
    """Hash the file that defines a class; without one a fresh token, so that no result is taken for another's."""
    try:
        return _version(Path(inspect.getfile(cls)).read_bytes())
    except (OSError, TypeError):
        return f"0+{uuid.uuid4().hex[:16]}"


def _version(source: bytes) -> str:
    return f"0+{hashlib.sha256(source).hexdigest()[:16]}"
