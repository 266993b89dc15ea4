"""Explain a picture from outside of a run by any analysis of single samples: here, or in the process with the model.

::

    submit_explained(lens, Path("cat.jpg").read_bytes(), "saliency").result()["attribution"]
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nnlens.analysis import Analysis
from nnlens.errors import AnalysisError, NNLensError, SamplesError
from nnlens.jobs import Job, Task
from nnlens.jobs.reporting import Report
from nnlens.jobs.wire import read_dataset
from nnlens.lens.alone import COLUMNS, SAMPLE, Alone
from nnlens.lens.computing import title_of
from nnlens.lens.keys import digest
from nnlens.lens.outside import check_size, decoded, in_thread, owner, the_model
from nnlens.lens.plan import Plan
from nnlens.lens.planning import Planner
from nnlens.lens.requesting import Choices, make_request, to_dict
from nnlens.lens.running import Runner
from nnlens.lens.submitting import is_quick, model_reference, opening
from nnlens.lens.weights import Weights, check_same
from nnlens.models.base import Model

if TYPE_CHECKING:
    from nnlens.lens import Lens

Picture = str | Path | bytes
"""A file, or its bytes."""
FOREIGN = frozenset({"sample", "using"})
"""What a request may name of a run, and a picture from outside has no part in."""


def read_picture(picture: Picture) -> bytes:
    """Return the bytes of a picture file, which may be given as such.

    Raises
    ------
    SamplesError
        If it cannot be read, is empty or too large.
    """
    if isinstance(picture, bytes):
        check_size(len(picture))
        return picture
    try:
        check_size(Path(picture).stat().st_size)
        return Path(picture).read_bytes()
    except OSError as error:
        raise SamplesError(
            f"{Path(picture).name} cannot be read: {error.strerror or error}.",
            "Give a picture, such as PNG or JPEG.",
        ) from error


def explain(
    lens: Lens,
    content: bytes,
    analysis: str,
    arguments: Mapping[str, Any],
    report: Report,
    model: Model | None = None,
) -> xr.Dataset:
    """Compute an analysis of single samples of a picture, which nothing is kept of.

    Parameters
    ----------
    lens : Lens
        The run and its model.
    content : bytes
        Of the picture's file.
    analysis : str
    arguments : mapping
        As for `Lens.run`, without samples.
    report : Report
    model : Model, optional
        Another one of the same architecture.

    Returns
    -------
    Dataset
        As of a sample of the run; its id is 0.

    Raises
    ------
    SamplesError
        If it is no picture, of another format, or too large.
    AnalysisError
        If the request is wrong, the analysis needs more than a picture, or there is no model.
    ModelError
        If the model is of another architecture.
    """
    model = the_model(lens) if model is None else check_same(lens.store, model)
    store = Alone(lens.store, model, decoded(content, model.preprocess.channels), content)
    runner = Runner(store, model, lock=lens.runner.lock)
    request = replace(make_request(store, lens.registry, analysis, *_split(arguments)), sample=(SAMPLE,))
    _check(lens, lens.registry.load_analysis(request.analysis))
    plan = Planner(store, lens.registry, True, runner.find).plan(request)
    _check_steps(plan)
    return runner.compute(plan, report)


def submit_explained(
    lens: Lens,
    content: bytes,
    analysis: str,
    weights: Weights | None = None,
    own: bool = False,
    **arguments: Any,
) -> Job:
    """Have `explain` done by the process that holds the model; what only this one has, in a thread of it.

    Parameters
    ----------
    lens : Lens
    content : bytes
        Of the picture's file.
    analysis : str
    weights : Weights, optional
        Other ones than those of the model.
    own : bool
        Whether it is a picture of the run, which may be as large as it is.
    **arguments
        As for `Lens.run`, without samples.

    Returns
    -------
    Job
        Its result is a Dataset.

    Raises
    ------
    SamplesError
        If the file is too large.
    AnalysisError
        If the request is wrong, the analysis needs more than a picture, or there is no model.
    """
    if not own:
        check_size(len(content))
    the_model(lens)
    plan = _plan_of_a_sample(lens, analysis, arguments)
    content_digest = hashlib.sha256(content).hexdigest()
    # another than that of the sample that stands in for the picture
    other = {} if weights is None else weights.told
    plan = replace(plan, key=digest({"picture": content_digest, "plan": plan.key, **other}))
    try:
        start = opening(lens, plan, model_reference(lens, plan))
    except NNLensError:  # a live model, or a class of the running program

        def work(report: Report) -> xr.Dataset:
            model = weights.opened(lens) if weights else None
            return explain(lens, content, analysis, arguments, report, model)

        return in_thread(plan.key, title_of(plan), work)
    task = Task(
        plan.key,
        title_of(plan),
        "nnlens.lens.tasks:explained",
        {**start, **other, "picture": base64.b64encode(content).decode(), "request": to_dict(plan.request)},
        finish=_read,
        estimate=lens.runner.estimate(plan),
    )
    quick = is_quick(plan, task.estimate)
    return lens.jobs.ask(owner(start["model"]), task) if quick else lens.jobs.submit(task)


def _plan_of_a_sample(lens: Lens, analysis: str, arguments: Mapping[str, Any]) -> Plan:
    """Check a request as that of any sample of the run: a picture is decoded only where it is explained."""
    choices, parameters = _split(arguments)
    request = make_request(lens.store, lens.registry, analysis, choices, parameters)
    plan = lens.plan(replace(request, sample=(int(lens.store.ids[0]),)))
    _check(lens, plan.cls)
    _check_steps(plan)
    return plan


def _split(arguments: Mapping[str, Any]) -> tuple[Choices, dict[str, Any]]:
    """Tell what comes with a request from the parameters of its analysis."""
    if FOREIGN & set(arguments):
        raise AnalysisError(
            "A picture from outside is no sample of the run, and has no results.",
            "Leave sample and using out.",
        )
    known = set(Choices.__dataclass_fields__)
    choices = Choices(**{name: value for name, value in arguments.items() if name in known})
    return choices, {name: value for name, value in arguments.items() if name not in known}


def _check(lens: Lens, cls: type[Analysis]) -> None:
    """Refuse what needs columns that samples of the run have and a picture has not, or is about all samples."""
    name = cls.title or cls.__name__
    if cls.scope != "sample":
        raise AnalysisError(f"{name} is not about a single sample.", "Choose what explains single samples.")
    lacking = [each for each in cls.requires if each in lens.store.samples and each not in COLUMNS]
    if lacking:
        raise AnalysisError(
            f"{name} needs the {' and '.join(lacking)} of a sample, and a picture from outside has none.",
            "Choose another method.",
        )


def _check_steps(plan: Plan) -> None:
    """Refuse what stands on the other samples of the run, which the picture is none of."""
    for step in plan.walk():
        if step.cls.scope != "sample":
            raise AnalysisError(
                f"{plan.info.title} needs {step.info.title} of the whole run, which a picture from outside is no "
                "part of.",
                "Choose another method.",
            )


def _read(payload: Mapping[str, Any]) -> xr.Dataset:
    """Open the result, and leave nothing of it on the disk."""
    path = Path(payload["file"])
    result = read_dataset(path)
    path.unlink(missing_ok=True)
    return result
