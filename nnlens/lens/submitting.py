"""Have a plan computed by another process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nnlens.errors import JobError
from nnlens.jobs import Job, JobManager, Task
from nnlens.jobs.wire import read_dataset
from nnlens.lens.computing import keep_picture, title_of
from nnlens.lens.plan import Plan
from nnlens.lens.requesting import to_dict
from nnlens.lens.running import Runner, recent
from nnlens.models.base import ModelReference

if TYPE_CHECKING:
    from nnlens.lens import Lens

FEW = 8
SHORT = 5.0
"""Samples, and seconds, up to which a request is answered by the process that holds the model for everybody."""


def submit(lens: Lens, plan: Plan, manager: JobManager, deadline: float | None = None) -> Job:
    """Start a job for a plan, or join the one that is at it.

    Raises
    ------
    AnalysisError
        If a model is needed and there is none.
    JobError
        If the model, or a class, is only known to this process.
    """
    steps = {step.key: step for step in (*lens.runner.missing(plan), plan)}.values()
    for step in steps:
        lens.runner.check(step)
    reference = model_reference(lens, plan) if any(step.needs_model for step in steps) else None
    arguments = {**opening(lens, plan, reference), "request": to_dict(plan.request), "key": plan.key}
    ending = Ending(lens.runner, plan)
    task = Task(
        plan.key,
        title_of(plan),
        "nnlens.lens.tasks:analysis",
        arguments,
        ending.finish,
        ending.keep,
        deadline,
        lens.runner.estimate(plan),
    )
    if is_quick(plan, task.estimate):
        return manager.ask(json.dumps(arguments["model"], sort_keys=True), task)
    return manager.submit(task)


def opening(lens: Lens, plan: Plan, reference: ModelReference | None) -> dict[str, Any]:
    """Say as plain data how another process opens what a plan is computed on.

    Raises
    ------
    PluginError
        If a class is only known to this process.
    """
    return {
        "run": str(Path(lens.store.path).resolve()),
        "rows": lens.store.committed,
        "fingerprint": lens.store.fingerprint,
        "model": None if reference is None else reference.to_dict(),
        # a plan made with the model is another than one made without, also where nothing is left for the model to do
        "stand_in": reference is None and any(step.needs_model for step in plan.walk()),
        "registry": lens.registry.recipe(step.request.analysis for step in plan.walk()),
    }


def is_quick(plan: Plan, estimate: float | None) -> bool:
    """Whether the worker that holds the model answers: it does one thing at a time, and a click must not wait."""
    sample = plan.request.sample
    few = sample is not None and len(sample) <= FEW
    return plan.cls.scope == "sample" and few and (estimate is None or estimate <= SHORT)


def model_reference(lens: Lens, plan: Plan) -> ModelReference:
    """Tell how another process opens the model.

    Raises
    ------
    JobError
        If it cannot.
    """
    if lens.model is None or lens.model.reference is None:
        raise JobError(
            f"{plan.info.title} needs the model, which was given as a live object that no other process can open.",
            "Use run() instead of submit(), or give a model that was loaded from a file.",
        )
    return lens.model.reference


class Ending:
    """Makes the job's result of what a worker answers.

    Parameters
    ----------
    runner : Runner
    plan : Plan
    """

    def __init__(self, runner: Runner, plan: Plan) -> None:
        self._runner = runner
        self._plan = plan

    def finish(self, payload: Mapping[str, Any]) -> xr.Dataset:
        """Open the result.

        Raises
        ------
        JobError
            If it is gone already.
        """
        if "file" in payload:
            path = Path(payload["file"])
            result = read_dataset(path)
            path.unlink(missing_ok=True)
            recent.put(str(payload["key"]), result)
            return result
        found = self._runner.store.results.get(self._plan.request.analysis, payload["key"])
        if found is None:
            raise JobError(f"The result of {self._plan.info.name} is gone.", "Run it again.")
        return found

    def keep(self, picture: xr.Dataset) -> xr.Dataset:
        """Keep the last picture of an analysis that did not stop by itself."""
        result = keep_picture(self._plan, picture, 0.0)
        self._runner.keep(self._plan, result)
        return result
