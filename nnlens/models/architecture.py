"""Finding the code of an architecture: ``file.py:callable`` or ``package.module:callable``, or the callable itself.

It may be called with literals: ``file.py:Net(width=32)``.

Only what the user names is run. A path that stands in a file of weights or in a store is never followed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from nnlens.errors import ModelError
from nnlens.models.preprocess import Preprocess
from nnlens.models.spec import FORM, parse_spec


@dataclass(frozen=True)
class Architecture:
    """Code that builds a network.

    Attributes
    ----------
    build : callable
        Returns the network; takes nothing. A `functools.partial` where a text gave arguments.
    spec : str or None
        How another process finds the same, arguments included; None for what lives in this one only.
    preprocess : Preprocess or None
        What the code says of its images, by an attribute `preprocess` of the callable or of its module.
    """

    build: Callable[[], Any]
    spec: str | None
    preprocess: Preprocess | None


def find_architecture(source: str | Callable[[], Any]) -> Architecture:
    """Find an architecture by its spec.

    Raises
    ------
    ModelError
        If there is no such file, module or callable, an argument is no literal, or the code fails.
    """
    if isinstance(source, str):
        spec = parse_spec(source)
        module = _file_module(spec.place) if spec.place.endswith(".py") else _named_module(spec.place)
        found = _attribute(module, spec.name, spec.place)
        return Architecture(partial(found, *spec.args, **spec.kwargs), source, _preprocess(found, module))
    if not callable(source):
        raise ModelError(f"An architecture is a text or a callable, not {type(source).__name__}.", FORM)
    module_name, name = getattr(source, "__module__", None), getattr(source, "__qualname__", "<")
    importable = module_name not in (None, "__main__") and "<" not in name
    return Architecture(
        source,
        f"{module_name}:{name}" if importable else None,
        _preprocess(source, sys.modules.get(module_name or "")),
    )


def build(architecture: Architecture) -> Any:
    """Call the architecture.

    Raises
    ------
    ModelError
        If it raises.
    """
    try:
        return architecture.build()
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"The architecture cannot be built: {type(error).__name__}: {first_line(error)}",
            "Give it its arguments, as in net.py:Net(width=32), or defaults in its code.",
        ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, ended like a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0].rstrip(".") if lines else "no message") + "."


def _file_module(place: str) -> ModuleType:
    path = Path(place).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no architecture file {place!r}.", FORM)
    name = f"nnlens_architecture_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if (
        spec is None or spec.loader is None
    ):  # pragma: no cover - a name that ends with .py always has a loader
        raise ModelError(f"{place!r} is not Python.", FORM)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up
    sys.path.insert(0, str(path.resolve().parent))  # so that the file can import its neighbors
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failed(place, error) from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _named_module(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:
        raise _failed(place, error) from error


def _failed(place: str, error: BaseException) -> ModelError:
    return ModelError(
        f"The architecture {place} cannot be imported: {type(error).__name__}: {first_line(error)}", FORM
    )


def _attribute(module: ModuleType, name: str, place: str) -> Callable[[], Any]:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ModelError(f"{place} has no callable {name!r}.", FORM)
    return found


def _preprocess(builder: object, module: ModuleType | None) -> Preprocess | None:
    for owner in (builder, module):
        found = getattr(owner, "preprocess", None)
        if isinstance(found, Preprocess):
            return found
        if isinstance(found, Mapping):
            return Preprocess.from_dict(found)
    return None
