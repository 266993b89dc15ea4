"""Finding the code of an architecture: ``file.py:callable`` or ``package.module:callable``, or the callable itself.

It may be called with literals: ``file.py:Net(width=32)``. A file alone is its ``get_model_and_input``.

Only what the user names is run. A path that stands in a file of weights or in a store is never followed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from nnlens.errors import ModelError
from nnlens.models.preprocess import Preprocess
from nnlens.models.spec import FORM, FUNCTION, parse_spec

PAIR_HINT = "It takes a PIL image and returns the network and its input, (1, channel, y, x)."


class Pair:
    """A function ``get_model_and_input(image)``: it gives a network and the input that it makes of a picture.

    Its own code decides how images become inputs, so it is called for each.

    Parameters
    ----------
    function : callable
        From a PIL image to (network, input).

    Attributes
    ----------
    code : str
        SHA-256 of the file that it stands in, and of its arguments: another one may make other inputs.
    """

    def __init__(self, function: Callable[[Image.Image], Any]) -> None:
        self.function = function
        inner = inspect.unwrap(getattr(function, "func", function))
        try:
            text = Path(inspect.getfile(inner)).read_bytes()
        except (OSError, TypeError):
            text = FUNCTION.encode()
        given = repr(getattr(function, "keywords", None) or {})
        self.code = hashlib.sha256(text + given.encode()).hexdigest()

    def __call__(self, picture: Image.Image) -> tuple[Any, Any]:
        """Return the network and the input.

        Raises
        ------
        ModelError
            If the function fails, or returns something else.
        """
        try:
            found = self.function(picture)
        except (Exception, SystemExit) as error:
            raise ModelError(
                f"{FUNCTION} fails with {type(error).__name__}: {first_line(error)}", PAIR_HINT
            ) from error
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise ModelError(
                f"{FUNCTION} returns {type(found).__name__}, not a network and its input.", PAIR_HINT
            )
        return found[0], found[1]

    def refuse(self) -> Any:
        """Stand in for what builds a network of another framework.

        Raises
        ------
        ModelError
        """
        raise ModelError(
            f"{FUNCTION} can only give networks of torch.", "Give a callable that returns the network."
        )


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
    pair : Pair or None
        Where it is ``get_model_and_input(image)``, which gives the network with its input.
    """

    build: Callable[[], Any]
    spec: str | None
    preprocess: Preprocess | None
    pair: Pair | None = None


def find_architecture(source: str | Callable[..., Any]) -> Architecture:
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
        called = partial(found, *spec.args, **spec.kwargs)
        if spec.name == FUNCTION:
            pair = Pair(called)
            return Architecture(pair.refuse, source, None, pair)
        return Architecture(called, source, _preprocess(found, module))
    if not callable(source):
        raise ModelError(f"An architecture is a text or a callable, not {type(source).__name__}.", FORM)
    module_name, name = getattr(source, "__module__", None), getattr(source, "__qualname__", "<")
    importable = module_name not in (None, "__main__") and "<" not in name
    told = f"{module_name}:{name}" if importable else None
    if name == FUNCTION:
        pair = Pair(source)
        return Architecture(pair.refuse, told, None, pair)
    return Architecture(source, told, _preprocess(source, sys.modules.get(module_name or "")))


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
        also = ", and no other is named" if name == FUNCTION else ""
        raise ModelError(f"{place} has no callable {name!r}{also}.", FORM)
    return found


def _preprocess(builder: object, module: ModuleType | None) -> Preprocess | None:
    for owner in (builder, module):
        found = getattr(owner, "preprocess", None)
        if isinstance(found, Preprocess):
            return found
        if isinstance(found, Mapping):
            return Preprocess.from_dict(found)
    return None
