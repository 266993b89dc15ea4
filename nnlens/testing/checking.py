"""The author's first test: whether an analysis, or a view, keeps its contract."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from nnlens.analysis import Analysis
from nnlens.errors import AnalysisError, PluginError
from nnlens.lens.casting import complete
from nnlens.registry import ANALYSES, VIEWS, Registry
from nnlens.registry.vetting import parameters_of, vet
from nnlens.testing.trial import Trial
from nnlens.testing.view_data import result_for, theme
from nnlens.view import Page, View

PUSH_SECONDS = 0.01
"""A view that follows the selection does so in the one batch that all views share."""
HARD: dict[str, dict[str, Any]] = {
    "one sample": {"samples": 1},
    "two samples": {"samples": 2},
    "five samples": {"samples": 5},
    "a constant layer": {"constant": True},
    "samples whose activations are NaN": {"invalid": 4},
    "nothing but NaN": {"invalid": 12, "samples": 12},
}
"""Runs on which an analysis may refuse to work, with an AnalysisError, but must not break."""


def check_analysis(cls: type[Analysis], *, registry: Registry | None = None, **parameters: Any) -> None:
    """Check that an analysis keeps its contract.

    It is run on tiny runs: on a flat layer, a spatial one and the pixels, wherever it can be; on few samples, on a
    constant layer and on values that are not numbers. Results must be what it promised, the same for the same seed, and
    survive being stored; parameters need documentation and defaults of the right kind.

    Parameters
    ----------
    cls : type of Analysis
    registry : Registry, optional
        Where analyses are found that must be run first; what is installed by default.
    **parameters
        Of the analysis, where its defaults take too long.

    Raises
    ------
    AssertionError
        Naming all that is wrong, one line each.

    Examples
    --------
    >>> def test_contract():
    ...     check_analysis(MyAnalysis)
    """
    _vetted(cls, ANALYSES)
    problems = [*_documentation(cls), *_parameters(cls)]
    with tempfile.TemporaryDirectory(prefix="nnlens-check-") as folder:
        trial = Trial(cls, Path(folder), registry, parameters)
        broken = trial.normal()
        problems += broken
        for words, run in [] if broken else HARD.items():
            problems += trial.hard(words, **run)
    _report(cls, problems)


def check_view(cls: type[View]) -> None:
    """Check that a view keeps its contract: it draws what it says it shows, in both themes, whatever is selected.

    Of a Page only the declarations are checked, for it needs a run and a session.

    Parameters
    ----------
    cls : type of View

    Raises
    ------
    AssertionError
        Naming all that is wrong, one line each.
    """
    _vetted(cls, VIEWS)
    problems = list(_documentation(cls))
    if not issubclass(cls, Page):
        problems += [] if cls.shows else ["shows names no variables, so it is never chosen."]
        problems += _drawing(cls)
    else:
        problems += list(_undocumented(cls))
    _report(cls, problems)


def _vetted(cls: type[Any], group: str) -> None:
    try:
        vet(cls, group)
    except PluginError as error:
        raise AssertionError(f"{getattr(cls, '__name__', cls)} breaks its contract: {error}") from error


def _report(cls: type[Any], problems: list[str]) -> None:
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in dict.fromkeys(problems))
        raise AssertionError(f"{cls.__name__} breaks its contract:\n{lines}")


def _documentation(cls: type[Any]) -> Iterator[str]:
    lines = (inspect.getdoc(cls) or "").strip().splitlines() if "__doc__" in vars(cls) and cls.__doc__ else []
    if not lines:
        yield "it has no docstring: its first line is what menus say."
    elif not lines[0].endswith("."):
        yield "the first line of its docstring does not end with a period."


def _undocumented(cls: type[Any]) -> Iterator[str]:
    for name in parameters_of(cls):
        if not cls.param[name].doc:
            yield f"the parameter {name} has no doc=, which is its help on the page and on the command line."


def _parameters(cls: type[Analysis]) -> Iterator[str]:
    yield from _undocumented(cls)
    try:
        filled = complete(cls, {}, cls.__name__)
        again = complete(cls, filled, cls.__name__)
    except AnalysisError as error:
        yield f"a default is not a legal value: {error}"
        return
    for name, value in filled.items():
        if again[name] != value or type(again[name]) is not type(value):
            yield f"the default of {name} is {value!r}, and giving it explicitly makes {again[name]!r} of it."


def _drawing(cls: type[View]) -> Iterator[str]:
    result = result_for(cls.shows)
    before = result.copy(deep=True)
    for name in ("light", "dark"):
        yield from _tried(f"element in the {name} theme", partial(cls().element, result, theme(name)))
    if not result.identical(before):
        yield "element changed the result, which is shared by all who look at it."
    yield from _pushing(cls, result)


def _tried(words: str, call: Callable[[], Any]) -> Iterator[str]:
    try:
        if call() is None:
            yield f"{words} returned nothing."
    except Exception as error:  # whatever it raises is what its author is to be told
        yield f"{words} raised {type(error).__name__}: {error}"


def _pushing(cls: type[View], result: xr.Dataset) -> Iterator[str]:
    if cls.push is View.push:
        return
    from nnlens.state import Selection

    view = cls()
    view.element(result, theme("light"))
    ids = result["sample"].values[:3] if "sample" in result else [0, 1]
    view.push(Selection(ids))  # the first time may import or compile something
    started = time.perf_counter()
    view.push(Selection(ids))
    seconds = time.perf_counter() - started
    if seconds > PUSH_SECONDS:
        yield f"push took {1000 * seconds:.0f} ms; it has {1000 * PUSH_SECONDS:.0f}."
