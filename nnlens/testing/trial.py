"""Runs one analysis on tiny runs and collects what is wrong with what comes out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Analysis
from nnlens.errors import AnalysisError
from nnlens.jobs.reporting import Report
from nnlens.lens import Lens
from nnlens.lens.computing import BrokenPromiseError
from nnlens.lens.plan import Plan
from nnlens.registry import Registry
from nnlens.schema import INPUT, check_provides
from nnlens.testing.tiny_run import tiny_model, tiny_store

LAYERS = ("relu2", "conv", INPUT)
"""A flat layer, a spatial one, and the pixels."""
NAME = "on-trial"


class Witness(Report):
    """Notes what an analysis reports, and what is wrong with it."""

    def __init__(self, plan: Plan, stop: bool = False) -> None:
        self.problems: list[str] = []
        self._plan = plan
        self._stop = stop

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Check the numbers."""
        if not (math.isfinite(done) and math.isfinite(total) and done >= 0) or 0 < total < done:
            self.problems.append(f"it reports {done:g} of {total:g} as progress ({message}).")

    def partial(self, dataset: xr.Dataset) -> None:
        """Check that a picture is what a result would be."""
        try:
            check_provides(dataset, self._plan.cls.provides, self._plan.info.name)
        except AnalysisError as error:
            self.problems.append(f"a partial picture is no result: {error}")

    @property
    def stopping(self) -> bool:
        """Whether it is asked for the best so far."""
        return self._stop


class Trial:
    """An analysis on trial.

    Parameters
    ----------
    cls : type of Analysis
    folder : Path
        For the runs.
    registry : Registry or None
        Where what must be run first is found.
    parameters : mapping
    """

    def __init__(
        self, cls: type[Analysis], folder: Path, registry: Registry | None, parameters: Mapping[str, Any]
    ) -> None:
        self._cls = cls
        self._folder = folder
        self._registry = Registry() if registry is None else registry
        self._registry.register(cls, NAME)
        self._parameters = parameters
        self._runs = 0

    def normal(self) -> list[str]:
        """Run it wherever it can be run; it must be somewhere."""
        lens = self._lens()
        refusals: list[AnalysisError] = []
        problems: list[str] = []
        plans = list(self._plans(lens))
        for plan in plans:
            if isinstance(plan, AnalysisError):
                refusals.append(plan)
                continue
            try:
                problems += self._run(lens, plan)
            except AnalysisError as error:
                refusals.append(error)
        return problems or (
            [f"it can be run on nothing: {refusals[0]}"] if len(refusals) == len(plans) else []
        )

    def hard(self, words: str, **run: Any) -> list[str]:
        """Run it where it may refuse, but not break."""
        lens = self._lens(**run)
        problems: list[str] = []
        for plan in self._plans(lens):
            if isinstance(plan, Plan):
                with suppress(AnalysisError):
                    problems += [f"on {words}: {problem}" for problem in self._attempt(lens, plan)]
        return problems

    def _lens(self, **run: Any) -> Lens:
        self._runs += 1
        return Lens(tiny_store(self._folder / str(self._runs), **run), tiny_model(), self._registry)

    def _plans(self, lens: Lens) -> Iterator[Plan | AnalysisError]:
        wanted = {"channel": 0} if self._cls.scope == "channel" else {}
        ids = lens.store.ids
        samples: list[NDArray[np.int64] | None] = [ids[:2] if self._cls.scope == "sample" else None]
        if self._cls.against_rest and lens.store.committed > 1:
            samples = [ids[:1], ids[2::3]] if lens.store.committed > 2 else [ids[:1]]
        elif self._cls.scope == "dataset" and lens.store.committed > 20:
            samples.append(ids[1::2])
        layers = LAYERS if lens.wants_layer(NAME) else (None,)
        for layer in layers:
            for chosen in samples:
                try:
                    yield lens.plan(NAME, layer=layer, sample=chosen, **wanted, **self._parameters)
                except AnalysisError as error:
                    yield error

    def _run(self, lens: Lens, plan: Plan) -> list[str]:
        problems = self._attempt(lens, plan)
        if not problems:
            first, second = (lens.runner.compute(plan, Witness(plan)) for _ in range(2))
            problems = [*_extra(plan, first), *self._stored(lens, plan, first), *_repeated(first, second)]
            problems += self._stopped(lens, plan)
        return [f"on {plan.request.layer or 'the samples'}: {problem}" for problem in problems]

    def _attempt(self, lens: Lens, plan: Plan, stop: bool = False) -> list[str]:
        witness = Witness(plan, stop)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a library on such data; what counts is what comes out
                result = lens.runner.compute(plan, witness)
            return [*witness.problems, *_ids(plan, lens, result)]
        except BrokenPromiseError as error:
            return [*witness.problems, str(error)]
        except AnalysisError:
            raise
        except Exception as error:  # whatever it raises is what its author is to be told
            return [*witness.problems, f"it raised {type(error).__name__}: {error}; raise an AnalysisError."]

    def _stopped(self, lens: Lens, plan: Plan) -> list[str]:
        try:
            return [
                f"when it is stopped at once {problem}" for problem in self._attempt(lens, plan, stop=True)
            ]
        except AnalysisError as error:
            return [f"when it is stopped at once it refuses: {error}"]

    def _stored(self, lens: Lens, plan: Plan, result: xr.Dataset) -> Iterator[str]:
        results = lens.store.results
        try:
            results.put(plan.request.analysis, "check", result)
            back = results.get(plan.request.analysis, "check")
            results.delete(plan.request.analysis, "check")
        except Exception as error:  # object arrays, attributes that are no JSON
            yield f"its result cannot be stored: {type(error).__name__}: {error}"
            return
        if back is None or not all(_same(result[name], back[name]) for name in result.variables):
            yield "its result comes back from the disk changed."


def _extra(plan: Plan, result: xr.Dataset) -> Iterator[str]:
    for name in set(map(str, result.data_vars)) - set(plan.cls.provides):
        yield f"it returns {name} without saying so in provides."


def _ids(plan: Plan, lens: Lens, result: xr.Dataset) -> Iterator[str]:
    if "sample" not in result.coords:
        return
    every = plan.request.sample is None or plan.cls.against_rest
    asked = lens.store.ids if every else np.asarray(plan.request.sample)
    ids = result["sample"].values
    if not np.isin(ids, asked).all():
        yield "it returns samples that were not asked for."
    if len(np.unique(ids)) != len(ids):
        yield "it returns a sample twice."


def _repeated(first: xr.Dataset, second: xr.Dataset) -> Iterator[str]:
    for name in first.data_vars:
        if not _same(first[name], second[name]):
            yield f"its {name} differs when it is run again with the same seed; use context.rng."


def _same(one: xr.DataArray, other: xr.DataArray) -> bool:
    numbers = one.dtype.kind == "f"
    return one.dims == other.dims and bool(np.array_equal(one.values, other.values, equal_nan=numbers))
