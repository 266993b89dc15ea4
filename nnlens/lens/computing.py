"""Compute a plan in this process: each analysis in its turn, its result checked and told what it was made of."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.analysis import Context
from nnlens.errors import AnalysisError
from nnlens.jobs.reporting import Report
from nnlens.jobs.wire import plain
from nnlens.lens.assembling import source_words
from nnlens.lens.keys import digest
from nnlens.lens.plan import Plan
from nnlens.schema import INPUT, LOGITS, check_provides

if TYPE_CHECKING:
    from nnlens.models.base import Model

Again = Callable[[Plan, "StepContext"], xr.Dataset]
LAYER_WORDS = {INPUT: "input pixels", LOGITS: "logits"}


class BrokenPromiseError(AnalysisError):
    """An analysis returned something else than it declares: a fault of its author, not of the data."""


class StepContext(Context):
    """Turns the progress of one of several steps into that of all, and lets only the last show pictures.

    Parameters
    ----------
    plan : Plan
    model : Model or None
    report : Report
        Who is told.
    start, share : float
        The part of the whole work that lies before this step, and that is this step.
    last : bool
        Whether this is the analysis that was asked for.
    scratch : callable
        Returns the folder for large arrays.
    again : callable, optional
        (plan, context) → the result of a plan, computed whether it exists or not: for `recompute`.
    """

    def __init__(
        self,
        plan: Plan,
        model: Model | None,
        report: Report,
        start: float = 0,
        share: float = 1,
        last: bool = True,
        scratch: Callable[[], Path | None] = lambda: None,
        again: Again | None = None,
    ) -> None:
        super().__init__(plan.request, model if plan.cls.needs_model else None)
        self._model, self._again = model, again
        self._plan = plan
        self._report = report
        self._start, self._share, self._last = start, share, last
        self._folder = scratch
        self.stop_seen = False

    def _scratch(self) -> Path | None:
        return self._folder()

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell how far this step is; the whole where it is not the only one."""
        words = message if self._last else f"{self._plan.info.title}: {message}".rstrip(": ")
        if self._share == 1:
            self._report.progress(done, total, words)
        elif total > 0:
            self._report.progress(self._start + self._share * min(done / total, 1), 1, words)

    def partial(self, dataset: xr.Dataset) -> None:
        """Show a picture of the analysis that was asked for."""
        if self._last:
            words = {"title": title_of(self._plan), "caption": str(dataset.attrs.get("caption", ""))}
            self._report.partial(dataset.assign_attrs(words))

    def recompute(
        self,
        variable: str,
        sample: Sequence[int] | NDArray[np.int64] | None = None,
        model: Model | None = None,
        target: int | str | None = None,
    ) -> xr.Dataset:
        """Run the analysis that a required variable came from once more; see `Context.recompute`."""
        source = self._plan.sources.get(variable)
        if source is None or source.plan is None or self._again is None:
            raise AnalysisError(
                f"{self._plan.info.title} computes {variable} again, and was given only the finished result.",
                "Name the analysis that makes it instead: method=…, or using= with its name.",
            )
        chosen: dict[str, Any] = {} if sample is None else {"sample": tuple(int(each) for each in sample)}
        chosen |= {} if target is None else {"target": target}
        plan = replace(source.plan, request=replace(source.plan.request, **chosen))
        return self._again(plan, Repeated(plan, model or self._model, self._report))

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._report.cancelled

    @property
    def stopping(self) -> bool:
        """Whether the best so far is wanted; what is run first is always finished, for nothing can be kept of it."""
        stopping = self._last and self._report.stopping
        self.stop_seen = self.stop_seen or stopping
        return stopping


class Repeated(StepContext):
    """Of an analysis that is run once more for a check: silent, and always finished, unless all is cancelled."""

    def __init__(self, plan: Plan, model: Model | None, report: Report) -> None:
        super().__init__(plan, model, report, last=False)

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell nothing: the check tells how far it is."""


def compute(plan: Plan, data: xr.Dataset, context: StepContext) -> xr.Dataset:
    """Run one analysis.

    Parameters
    ----------
    plan : Plan
    data : Dataset
        What it requires.
    context : StepContext

    Returns
    -------
    Dataset
        In memory or in files of `Context.empty`, with the attributes that tell what it is made of.

    Raises
    ------
    AnalysisError
        If it refuses the data, or returns something else than it promised.
    """
    started = time.perf_counter()
    result = plan.cls(**plan.request.parameters).compute(data, context)
    if not isinstance(result, xr.Dataset):
        raise BrokenPromiseError(f"{plan.info.name} returned a {type(result).__name__}, not a Dataset.")
    check_promise(plan, result)
    result = result.load()
    check_plain(result, plan.info.name)
    facts = describe(plan, data, result, time.perf_counter() - started)
    result = result.assign_attrs(facts)
    return stopped(result) if context.stop_seen else result


def check_promise(plan: Plan, result: xr.Dataset) -> None:
    """Check that a result holds what its analysis provides.

    Raises
    ------
    BrokenPromiseError
        If it does not.
    """
    try:
        check_provides(result, plan.cls.provides, plan.info.name)
    except AnalysisError as error:
        raise BrokenPromiseError(error.message, error.hint) from error


def check_plain(result: xr.Dataset, who: str) -> None:
    """Refuse what cannot be stored: it would be lost when the result is read again.

    Raises
    ------
    BrokenPromiseError
        If a variable holds Python objects, or an attribute is no plain number or text.
    """
    for name, variable in result.variables.items():
        if variable.dtype.kind == "O" and not all(isinstance(value, str) for value in variable.values.flat):
            raise BrokenPromiseError(
                f"{who} returned Python objects in {name!r}.", "Its author must return numbers or text."
            )
    for name, value in result.attrs.items():
        try:
            json.dumps(plain(value, strict=True))
        except TypeError as error:
            raise BrokenPromiseError(
                f"{who} returned the attribute {name!r}, which is no plain number or text.",
                "Its author must leave it out or turn it into one.",
            ) from error


def keep_picture(plan: Plan, picture: xr.Dataset, seconds: float) -> xr.Dataset:
    """Make a result of the last picture that an analysis showed before it was ended.

    Raises
    ------
    BrokenPromiseError
        If the picture is not what the analysis promised.
    """
    check_promise(plan, picture)
    return stopped(picture.assign_attrs(describe(plan, picture, picture, seconds)))


def stopped(result: xr.Dataset) -> xr.Dataset:
    """Give a result that was ended early a key of its own: it must never be taken for the finished one."""
    content = hashlib.sha256()
    for name in sorted(map(str, result.data_vars)):
        for row in np.atleast_1d(result[name].values):  # a large result is not copied as a whole
            content.update(np.ascontiguousarray(row).tobytes())
    key = digest({"stopped": result.attrs["key"], "content": content.hexdigest()})
    return result.assign_attrs(key=key, stopped=True)


def describe(plan: Plan, data: xr.Dataset, result: xr.Dataset, seconds: float) -> dict[str, Any]:
    """Return the attributes that a result carries beside those of its analysis."""
    request = plan.request
    chosen = {"channel": request.channel, "target": request.target}
    return {
        "analysis": request.analysis,
        "distribution": plan.info.distribution,
        "version": plan.info.version,
        "title": title_of(plan),
        "caption": str(result.attrs.get("caption") or made_caption(plan, data, result)),
        "layer": request.layer or "",
        "parameters": json.dumps(dict(request.parameters), sort_keys=True),
        "seed": "none" if request.seed is None else request.seed,
        "key": plan.key,
        "seconds": round(seconds, 3),
        "libraries": json.dumps(dict(libraries(plan.info.distribution)), sort_keys=True),
        **{name: value for name, value in chosen.items() if value is not None},
    }


def title_of(plan: Plan) -> str:
    """Say what a result is, such as "t-SNE of fc1"."""
    layer = plan.request.layer
    if layer is None:
        return plan.info.title
    words = f"{plan.info.title} of {LAYER_WORDS.get(layer, layer)}"
    channel = "" if plan.request.channel is None else f" channel {plan.request.channel}"
    return f"{words}{channel}{source_words(plan)}"


def made_caption(plan: Plan, data: xr.Dataset, result: xr.Dataset) -> str:
    """Say what was used where the analysis itself does not."""
    parts = [f"{name.replace('_', ' ')} {value}" for name, value in list(plan.request.parameters.items())[:3]]
    if "sample" in data.sizes:
        parts.append(f"{data.sizes['sample']:,} samples")
    if "sample" in data.sizes and "sample" in result.sizes:
        parts.append(f"{data.sizes['sample'] - result.sizes['sample']:,} left out")
    return " · ".join(parts)


def _requirements(distribution: str) -> tuple[str, ...]:
    try:
        lines = requires(distribution) or []
    except PackageNotFoundError:
        lines = []
    names = {line.partition(";")[0].strip() for line in lines if "extra ==" not in line}
    plain = {name.split("[")[0] for name in (_name_of(name) for name in names)}
    return tuple(sorted({"nnlens", "numpy", "xarray"} | plain))


def _name_of(requirement: str) -> str:
    end = next((place for place, sign in enumerate(requirement) if sign in "<>=!~ ("), len(requirement))
    return requirement[:end]


@functools.cache  # reading metadata takes 3 ms a library, a third of a warm Grad-CAM
def libraries(distribution: str) -> Mapping[str, str]:
    """Return the versions of what a distribution stands on; they are told, and no part of the key."""
    found: dict[str, str] = {}
    for name in _requirements(distribution):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
