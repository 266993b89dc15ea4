"""Run plans: what is missing is computed, what exists is used, what comes out is kept."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import xarray as xr

from nnlens.errors import AnalysisError
from nnlens.jobs.reporting import Report
from nnlens.lens.assembling import Assembler
from nnlens.lens.computing import StepContext, compute
from nnlens.lens.inputs import Inputs
from nnlens.lens.plan import Plan, Source, model_words
from nnlens.lens.recent import Recent
from nnlens.models.base import Model
from nnlens.samples.base import Samples
from nnlens.schema import LARGE_BYTES
from nnlens.store import Store

recent = Recent()
"""Shared by all of this process: keys are the same for all who ask the same."""


class Runner:
    """Computes plans on one run.

    Parameters
    ----------
    store : Store
    model : Model or None
        Used by one thread at a time.
    samples : Samples, optional
        The data set of the run, for a run that holds thumbnails.
    lock : lock, optional
        Held while the model is used: that of another runner of the same model.
    """

    def __init__(
        self, store: Store, model: Model | None, samples: Samples | None = None, lock: Any = None
    ) -> None:
        self.store = store
        self.model = model
        self._assembler = Assembler(store, model, samples)
        self.lock = lock or threading.RLock()
        self._owners: dict[str, str] = {}

    @property
    def inputs(self) -> Inputs:
        """The images as they went into the network."""
        return self._assembler.inputs

    def exists(self, plan: Plan) -> bool:
        """Whether the result of a plan is there, without reading it."""
        there = self.store.results.has(plan.request.analysis, plan.key)
        return there or (not is_kept(plan) and plan.key in recent)

    def stored(self, plan: Plan) -> xr.Dataset | None:
        """Return the result of a plan where it exists already, else None."""
        if is_kept(plan):
            return self._read(plan.request.analysis, plan.key)
        found = recent.get(plan.key)  # somebody may have asked for one of a single sample to be kept
        return self._read(plan.request.analysis, plan.key) if found is None else found

    def find(self, key: str) -> xr.Dataset | None:
        """Return a result by its key, else None."""
        if key not in self._owners:
            self._owners |= {info.key: info.analysis for info in self.store.results.list()}
        owner = self._owners.get(key)
        return recent.get(key) if owner is None else self._read(owner, key)

    def _read(self, analysis: str, key: str) -> xr.Dataset | None:
        if not self.store.results.has(analysis, key):
            return None  # also where it is still remembered: somebody deleted it
        found = recent.get(key)
        if found is None:
            found = self.store.results.get(analysis, key)
            if found is not None:
                recent.put(key, found)
        return found

    def run(self, plan: Plan, report: Report) -> xr.Dataset:
        """Compute a plan with all that it stands on and is not there yet; a worker gives its own report.

        Raises
        ------
        AnalysisError
            If an analysis refuses the data, or the model is needed and not there.
        """
        found = self.stored(plan)
        return self.compute(plan, report) if found is None else found

    def compute(self, plan: Plan, report: Report) -> xr.Dataset:
        """Compute a plan even where its result exists; what is run first is taken where it does."""
        results: dict[str, xr.Dataset] = {}
        steps = [step for step in self.missing(plan) if step is not plan] + [plan]
        shares = self._shares(steps)
        for place, step in enumerate(steps):
            context = StepContext(
                *(step, self.model, report, sum(shares[:place]), shares[place], step is plan),
                scratch=self.store.results.scratch,
                again=lambda other, its: self._again(other, results, its),
            )
            results[step.key] = self._step(step, results, context)
        return results[plan.key]

    def assemble(self, plan: Plan, report: Report) -> xr.Dataset:
        """Return what the analysis of a plan would get, having run what must be run first.

        Raises
        ------
        AnalysisError
            If an analysis refuses the data, or the model is needed and not there.
        """
        self.check(plan)
        results = {first.key: self.run(first, report) for first in plan.first}
        return self._assembler.assemble(plan, results)

    def estimate(self, plan: Plan) -> float | None:
        """Estimate the seconds until the result is there, with what must be run first; None where nobody knows."""
        seconds = [self._seconds(step) for step in self.missing(plan)]
        known = [each for each in seconds if each is not None]
        return sum(known) if len(known) == len(seconds) else None

    def missing(self, plan: Plan) -> list[Plan]:
        """List what must be computed, in order, the plan itself last; nothing where its result exists."""
        steps: list[Plan] = []
        wanted = {plan.key}
        # from the plan down, so that what a result stands on is left alone where the result itself is there
        for step in reversed(list(plan.walk())):
            if step.key in wanted and not self.exists(step):
                steps.append(step)
                wanted |= {first.key for first in step.first}
        return steps[::-1]

    def _shares(self, steps: list[Plan]) -> list[float]:
        """Divide the progress by the seconds that each step is expected to take, evenly where that is unknown."""
        seconds = [self._seconds(step) for step in steps]
        weights = [each if each else 1.0 for each in seconds] if all(seconds) else [1.0] * len(steps)
        return [weight / sum(weights) for weight in weights]

    def _seconds(self, plan: Plan) -> float | None:
        try:
            return plan.cls(**plan.request.parameters).estimate(self._assembler.sizes(plan))
        except Exception:  # a stranger's estimate is a courtesy: without it the page only says less
            return None

    def _step(self, plan: Plan, results: dict[str, xr.Dataset], context: StepContext) -> xr.Dataset:
        self.check(plan)
        with self.lock if plan.needs_model else nullcontext():
            result = self._again(plan, results, context)
        self.keep(plan, result)
        if result.nbytes <= LARGE_BYTES or not is_kept(plan):
            return result
        # a large one is read from where it is kept, so that the file that it was made in can go
        return self.store.results.get(plan.request.analysis, str(result.attrs["key"])) or result

    def _again(self, plan: Plan, results: dict[str, xr.Dataset], context: StepContext) -> xr.Dataset:
        """Compute one plan on the results that it stands on, which are read where they are not in `results`."""
        for source in plan.sources.values():
            if source.key and source.key not in results:
                results[source.key] = self._used(source)
        return compute(plan, self._assembler.assemble(plan, results), context)

    def _used(self, source: Source) -> xr.Dataset:
        if source.plan is not None:
            found = self.stored(source.plan)
            # one that is there and damaged is computed again
            return self.compute(source.plan, Report()) if found is None else found
        found = self.find(source.key or "")
        if found is None:
            raise AnalysisError("The result to be used no longer exists.", "Run its analysis again.")
        return found

    def check(self, plan: Plan) -> None:
        """Refuse a step that needs the model where it, or the images that it saw, cannot be had.

        Raises
        ------
        AnalysisError
            Saying what to give.
        """
        if plan.needs_model and self.model is None:
            raise AnalysisError(f"{plan.info.title} needs the model.", f"Give it: {model_words(self.store)}.")
        if plan.needs_model and self._assembler.inputs.thumbnails:
            # opened now, so that what is missing is said before a job is started
            _ = self._assembler.inputs.samples

    def keep(self, plan: Plan, result: xr.Dataset) -> None:
        """Keep a result under its own key: beside the run, or in memory."""
        key = str(result.attrs["key"])
        if is_kept(plan):
            self._owners[key] = plan.request.analysis
            self.store.results.put(plan.request.analysis, key, result)
        else:
            recent.put(key, result)


def is_kept(plan: Plan) -> bool:
    """Whether a result is kept beside the run until somebody deletes it.

    Hovering makes thousands of results about one sample, each in milliseconds: they are not worth a folder each.
    """
    samples = plan.request.sample
    return plan.cls.scope != "sample" or samples is None or len(samples) > 1
