"""Parameters from what a person, a script or a URL gave: checked, completed, in one form for equal values."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import param

from nnlens.analysis import Analysis, Request
from nnlens.errors import AnalysisError
from nnlens.registry.vetting import parameters_of

_REQUESTED = [each.name for each in fields(Request) if each.name not in ("analysis", "parameters")]
"""What comes with a request: as good a guess for a misspelled word as a parameter."""
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def complete(cls: type[Analysis], given: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return every parameter of an analysis: what was given, cast by the parameter's type, and defaults for the rest.

    Equal values come out equal, 30 and 30.0 for a Number, so that they give one key.

    Parameters
    ----------
    cls : type of Analysis
    given : mapping of str to anything
        By the parameters' names; text is read, as it comes from a command line.
    who : str
        The analysis' name, for the messages.

    Raises
    ------
    AnalysisError
        If a name is unknown or a value is not legal; the message names what is.
    """
    names = parameters_of(cls)
    for name in given:
        if name not in names:
            raise _unknown(name, names, who)
    instance = cls()
    for name, value in given.items():
        _set(instance, name, value, who)
    # the defaults are cast too: an author writes 30 for a Number, a caller 30.0
    return {name: _kept(instance, name) for name in names}


def _kept(instance: Analysis, name: str) -> Any:
    value = getattr(instance, name)
    try:
        return cast(instance.param[name], value)
    except (ValueError, TypeError, KeyError):
        return plain(
            value
        )  # a default that its own parameter would refuse, which `check_analysis` tells its author


def _set(instance: Analysis, name: str, value: Any, who: str) -> None:
    parameter = instance.param[name]
    try:
        setattr(instance, name, cast(parameter, value))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise AnalysisError(f"{value!r} is no {name} of {who}.", legal(parameter)) from error


def cast(parameter: param.Parameter, value: Any) -> Any:
    """Bring a value into the one form that a parameter keeps it in.

    Raises
    ------
    ValueError
        If it cannot be read as one.
    """
    value = plain(value)
    if value is None or (value == "None" and parameter.allow_None):
        return None
    return next(
        (read(parameter, value) for kind, read in _READERS.items() if isinstance(parameter, kind)), value
    )


def plain(value: Any) -> Any:
    """Return a value without numpy's types, tuples as tuples."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return type(value)(plain(each) for each in value)
    return value


def legal(parameter: param.Parameter) -> str:
    """Say which values a parameter takes."""
    if isinstance(parameter, param.Boolean):
        return "It is true or false."
    if isinstance(parameter, param.Selector):
        return f"It is one of {', '.join(str(choice) for choice in _choices(parameter))}."
    if isinstance(parameter, param.Number | param.Range):
        kind = "a whole number" if isinstance(parameter, param.Integer) else "a number"
        kind = "two numbers" if isinstance(parameter, param.Range) else kind
        return f"It is {kind}{_between(parameter)}."
    if isinstance(parameter, param.String):
        return "It is text."
    return f"It is a {type(parameter).__name__.lower()}: {parameter.doc or 'see its documentation'}"


def _between(parameter: param.Parameter) -> str:
    low, high = parameter.bounds or (None, None)
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        return f" of {low:g} or more"
    return f" of {high:g} or less" if high is not None else ""


def _number(parameter: param.Parameter, value: Any) -> float:  # noqa: ARG001 - all readers look alike
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    return float(value)


def _integer(parameter: param.Parameter, value: Any) -> int:
    number = _number(parameter, value)
    if number != int(number):
        raise ValueError("not a whole number")
    return int(value) if isinstance(value, int) else int(number)


def _boolean(parameter: param.Parameter, value: Any) -> bool:  # noqa: ARG001
    if isinstance(value, str):
        return _WORDS[value.lower()]
    if value in (0, 1):
        return bool(value)
    raise ValueError("neither true nor false")


def _choices(parameter: param.Selector) -> list[Any]:
    return list(parameter.objects)


def _choice(parameter: param.Selector, value: Any) -> Any:
    # the object itself, so that 4, 4.0 and "4" are one choice; a choice's label counts too
    names: Mapping[str, Any] = parameter.names or {}
    if isinstance(value, str) and value in names:
        return names[value]
    for choice in _choices(parameter):
        if choice == value or (isinstance(value, str) and str(choice) == value):
            return choice
    raise ValueError("not among the choices")


def _chosen(parameter: param.Selector, value: Any) -> list[Any]:
    return [_choice(parameter, each) for each in _parts(value)]


def _parts(value: Any) -> Sequence[Any]:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)


def _numbers(parameter: param.Parameter, value: Any) -> tuple[float, ...]:
    return tuple(_number(parameter, each) for each in _parts(value))


def _list(parameter: param.List, value: Any) -> list[Any]:
    kind = parameter.item_type if callable(parameter.item_type) else (lambda each: each)
    return [kind(each) for each in _parts(value)]


def _text(parameter: param.Parameter, value: Any) -> str:  # noqa: ARG001
    return str(value)


# the first kind that fits counts, so the special ones come before what they derive from
_READERS: Mapping[type[Any], Callable[[Any, Any], Any]] = {
    param.Boolean: _boolean,
    param.Integer: _integer,
    param.Number: _number,
    param.ListSelector: _chosen,
    param.Selector: _choice,
    param.NumericTuple: _numbers,
    param.Tuple: lambda _, value: tuple(_parts(value)),
    param.List: _list,
    param.String: _text,
}


def _unknown(name: str, names: Sequence[str], who: str) -> AnalysisError:
    close = difflib.get_close_matches(name, [*names, *_REQUESTED], n=2, cutoff=0.5)
    guess = f"Did you mean {' or '.join(close)}? " if close else ""
    there = f"It has: {', '.join(names)}." if names else "It has none."
    return AnalysisError(f"{who} has no parameter {name!r}.", guess + there)
