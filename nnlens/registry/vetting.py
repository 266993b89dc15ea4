"""Check a plugin class against its contract: every check that `Registry.load` makes inside its one guard."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import param

from nnlens.analysis import PLUGIN_API, RESERVED, Analysis, Scope
from nnlens.errors import PluginError
from nnlens.rules import Rule
from nnlens.view import Page, View

PARAMETER_KINDS = (param.Number, param.Boolean, param.String, param.Selector, param.Tuple, param.List)
"""Kinds that have a control, a flag and a place in a result's key; Integer, Range, Color, … are among them."""
_PATH = re.compile(r"\s*\(?(?:[A-Za-z]:)?(?:[/\\][^\s'\"():,]+)+\)?")


def vet(target: object, group: str) -> None:
    """Check an object that an entry point led to.

    Parameters
    ----------
    target : object
        What was loaded.
    group : str
        Its entry-point group; groups without a class contract are not checked.

    Raises
    ------
    PluginError
        If it breaks its contract; the message says how.
    """
    checks: Mapping[str, Callable[[object], None]] = {
        "nnlens.analyses": vet_analysis,
        "nnlens.views": vet_view,
        "nnlens.rules": vet_rule,
    }
    if group in checks:
        checks[group](target)


def vet_analysis(target: object) -> None:
    """Check that this is a usable subclass of Analysis.

    Raises
    ------
    PluginError
        If it is not a subclass, has another api number, a reserved parameter name, or declarations that cannot be read.
    """
    if not (isinstance(target, type) and issubclass(target, Analysis)):
        raise PluginError(f"it is {_what(target)}, not a subclass of nnlens.Analysis.")
    _vet_api(target)
    _vet_parameters(target)
    if target.compute is Analysis.compute:
        raise PluginError("it does not define compute.")
    _vet_signature(target, "compute", ("data", "context"))
    _vet_scope(target)
    for attribute in ("requires", "wants", "provides"):
        _vet_dims(getattr(target, attribute), attribute)
    if not target.provides:
        raise PluginError("it provides nothing.")
    target()  # a constructor that raises is found here, not at the first request


def vet_view(target: object) -> None:
    """Check that this is a usable subclass of View.

    Raises
    ------
    PluginError
        If it is not a subclass, has another api number, or declarations that cannot be read.
    """
    if not (isinstance(target, type) and issubclass(target, View)):
        raise PluginError(f"it is {_what(target)}, not a subclass of nnlens.View.")
    _vet_api(target)
    _vet_dims(target.shows, "shows")
    if issubclass(target, Page):
        _vet_signature(target, "panel", ())
    else:
        _vet_signature(target, "element", ("result", "theme"))


def vet_rule(target: object) -> None:
    """Check that this is a usable backward rule.

    Raises
    ------
    PluginError
        If it is not, or is for nothing; `nnlens.rules.Rule` itself refuses functions that cannot be called.
    """
    if isinstance(target, type) or not isinstance(target, Rule):
        raise PluginError(f"it is {_what(target)}, not an nnlens.rules.Rule.")
    if not isinstance(target.backward, Mapping) or not target.backward:
        raise PluginError("its backward must map kinds of layers to functions.")


def one_line(error: BaseException) -> str:
    """Say an exception in one line without the paths that Python puts into import errors."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"its import called sys.exit({error.code!r})"
    lines = str(error).strip().splitlines()
    words = _PATH.sub("", lines[0]).strip() if lines else ""
    return f"{type(error).__name__}: {words}"[:300] if words else type(error).__name__


def _what(target: object) -> str:
    return (
        f"the class {target.__name__}"
        if isinstance(target, type)
        else f"a value of type {type(target).__name__}"
    )


def _vet_api(cls: type[Analysis] | type[View]) -> None:
    if cls.plugin_api != PLUGIN_API:
        raise PluginError(f"it is written for plugin api {cls.plugin_api!r}; this nnlens has {PLUGIN_API}.")


def _vet_parameters(cls: type[Analysis]) -> None:
    for name in parameters_of(cls):
        if name in RESERVED:
            raise PluginError(f"its parameter {name!r} is reserved: it comes with the request.")
        parameter = cls.param[name]
        if not isinstance(parameter, PARAMETER_KINDS):
            kinds = ", ".join(kind.__name__ for kind in PARAMETER_KINDS)
            raise PluginError(
                f"its parameter {name!r} is a param.{type(parameter).__name__}; use one of {kinds}."
            )


def parameters_of(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of a class' own parameters in order of declaration, without those that param adds."""
    return tuple(name for name in cls.param if name != "name")


def _vet_signature(cls: type, method: str, names: tuple[str, ...]) -> None:
    found = tuple(inspect.signature(getattr(cls, method)).parameters.values())[1:]
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in found if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    takes = len(positional) >= len(names) or any(p.kind is p.VAR_POSITIONAL for p in found)
    if not takes or len(required) > len(names):
        raise PluginError(f"its {method} must take (self{''.join(f', {name}' for name in names)}).")


def _vet_scope(cls: type[Analysis]) -> None:
    if cls.scope not in get_args(Scope):
        raise PluginError(f"its scope is {cls.scope!r}; use one of {', '.join(get_args(Scope))}.")


def _vet_dims(declared: Any, attribute: str) -> None:
    words = PluginError(f"its {attribute} must map names of variables to tuples of names of dims.")
    if not isinstance(declared, Mapping):
        raise words
    for name, dims in declared.items():
        if not (
            isinstance(name, str) and isinstance(dims, tuple) and all(isinstance(dim, str) for dim in dims)
        ):
            raise words
