"""Lens: a run, its model, the analyses and their results, in one object for scripts and for the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nnlens.analysis import Request
from nnlens.errors import StoreError
from nnlens.jobs import Job, JobManager, shared_manager
from nnlens.jobs.reporting import CallReport, ProgressCall, Report
from nnlens.lens.checking import check_model
from nnlens.lens.explaining import Picture, explain, read_picture
from nnlens.lens.exploring import explore
from nnlens.lens.pictures import Pictures
from nnlens.lens.placing import add_coordinates
from nnlens.lens.plan import Plan
from nnlens.lens.planning import Planner
from nnlens.lens.requesting import Choices, Ids, find_analysis, make_request
from nnlens.lens.running import Runner
from nnlens.lens.submitting import submit
from nnlens.lens.vectors import read_vectors, vectors_plan
from nnlens.models.base import Model
from nnlens.registry import Registry, current
from nnlens.samples.base import Samples
from nnlens.store import Store, open_store

if TYPE_CHECKING:
    from nnlens.store.results import ResultInfo

_CHOICES = frozenset(Choices.__dataclass_fields__)


class Lens:
    """Looks at one run.

    Every method that takes an analysis takes the same arguments: its name, then by keyword `layer`, `sample` (an id or
    several; all samples when left out), `channel`, `target`, `seed`, `using`, and the analysis' own parameters.

    Parameters
    ----------
    store : Store or path
        The run.
    model : Model, optional
        The network of the run, or a live torch or Keras model; needed for attributions and for layers that the run does
        not hold. Its weights must be those of the run.
    samples : Samples, optional
        The data set of the run, for attributions where the run holds thumbnails; opened by what the run says of it
        when left out.
    registry : Registry, optional
        Where analyses are found; the process' own by default.
    jobs : JobManager, optional
        Runs what is submitted; the process' own by default.

    Raises
    ------
    StoreError
        If there is no such run.
    ModelError
        If the model is not the run's.

    Examples
    --------
    >>> lens = nnlens.Lens("run")  # doctest: +SKIP
    >>> lens.run("tsne", layer="fc1", perplexity=30)["projection"]  # doctest: +SKIP
    """

    def __init__(
        self,
        store: Store | str | Path,
        model: Model | object | None = None,
        registry: Registry | None = None,
        jobs: JobManager | None = None,
        samples: Samples | None = None,
    ) -> None:
        self.store = open_store(store) if isinstance(store, str | Path) else store
        if not isinstance(self.store, Store):
            raise StoreError(f"A {type(store).__name__} is no run.", "Give its folder, or open_store's.")
        self.model = None if model is None else check_model(self.store, model)
        self.registry = registry or current()
        self._jobs = jobs
        self._samples = samples
        self.runner = Runner(self.store, self.model, samples)
        self.pictures = Pictures(self.runner.inputs)
        self._planner = Planner(self.store, self.registry, self.model is not None, self.runner.find)

    def __repr__(self) -> str:
        return f"Lens({self.store!r}, model={self.model.name if self.model else None})"

    def refresh(self) -> Lens:
        """Look at the run again: a new Lens when more samples were committed, else this one."""
        store = self.store.refresh()
        return (
            self if store is self.store else Lens(store, self.model, self.registry, self._jobs, self._samples)
        )

    def request(self, analysis: str, **arguments: Any) -> Request:
        """Check what is asked and complete it, computing nothing.

        Raises
        ------
        AnalysisError
            If the analysis, a parameter, a layer, a sample, a channel or a target does not exist; says what does.
        PluginError
            If the analysis' plugin is broken.
        """
        choices = Choices(**{name: value for name, value in arguments.items() if name in _CHOICES})
        parameters = {name: value for name, value in arguments.items() if name not in _CHOICES}
        return make_request(self.store, self.registry, analysis, choices, parameters)

    def plan(self, analysis: str | Request, **arguments: Any) -> Plan:
        """Tell where everything that a request needs would come from, and under which key its result is kept.

        Raises
        ------
        AnalysisError
            If something that is required cannot be had; says what to do.
        """
        request = analysis if isinstance(analysis, Request) else self.request(analysis, **arguments)
        return self._planner.plan(request)

    def key(self, request: Request) -> str:
        """Return the key under which the result of a request is kept."""
        return self.plan(request).key

    def wants_layer(self, analysis: str) -> bool:
        """Whether a request for an analysis names a layer, for its own sake or for what is run first."""
        return self._planner.wants_layer(find_analysis(self.registry, analysis)[1])

    def cached(self, analysis: str | Request, **arguments: Any) -> xr.Dataset | None:
        """Return a result that exists already, else None."""
        return self.runner.stored(self.plan(analysis, **arguments))

    def result(self, key: str) -> xr.Dataset | None:
        """Return a result by its key, else None."""
        return self.runner.find(key)

    def keep(self, result: xr.Dataset) -> None:
        """Keep a result of a single sample beside the run: else it is only remembered for a while."""
        self.store.results.put(str(result.attrs["analysis"]), str(result.attrs["key"]), result)

    def results(self) -> list[ResultInfo]:
        """List what was computed on this run, oldest first."""
        return self.store.results.list()

    def add_coordinates(self, source: Any, name: str = "", ids: Any = None) -> xr.Dataset:
        """Keep coordinates that were made elsewhere as a result, which the page then offers among its maps.

        Parameters
        ----------
        source : array, dims (sample, component), str or path
            Two or three numbers a sample; or a .npy, .npz, .csv, .tsv or .parquet file of them.
        name : str
            What the map is called; the name of the file when left out.
        ids : array of int, or str, optional
            The sample of each row, or the name of the column that says it. Without any, rows go by their order.

        Returns
        -------
        Dataset
            ``projection`` (sample, component). The same coordinates under the same name are kept once.

        Raises
        ------
        SamplesError
            If they cannot be read, are not finite, or do not fit the samples of the run.
        """
        return add_coordinates(self.store, source, name, ids)

    def run(
        self, analysis: str | Request, *, progress: ProgressCall | None = None, **arguments: Any
    ) -> xr.Dataset:
        """Compute an analysis in this process, or return its result where it exists.

        Parameters
        ----------
        analysis : str or Request
            Its name, or what `request` returned.
        progress : callable, optional
            Gets (done, total, message).
        **arguments
            `layer`, `sample`, `channel`, `target`, `seed`, `using`, and the analysis' parameters.

        Returns
        -------
        Dataset
            What the analysis provides. Its attributes tell what was really used; `title` and `caption` say it in words.

        Raises
        ------
        AnalysisError
            If the request is wrong or the analysis refuses the data.
        """
        plan = self.plan(analysis, **arguments)
        return self.runner.run(plan, CallReport(progress) if progress else Report())

    def embedding(
        self, layer: str | None = None, sample: Ids = None, *, progress: ProgressCall | None = None
    ) -> xr.DataArray:
        """Return the vectors of a layer as analyses get them: of a flat layer its units, of a spatial one a reduction.

        Parameters
        ----------
        layer : str, optional
            The hidden vector when left out.
        sample : int or sequence of int, optional
        progress : callable, optional
            Gets (done, total, message) where a spatial layer must be reduced first.

        Returns
        -------
        DataArray, dims (sample, unit), float32
            Read when asked for. ``layer`` among its attributes names the layer, ``title`` what reduced it.

        Raises
        ------
        AnalysisError
            If there is no such layer or sample, or the model is needed and not there.
        """
        plan = vectors_plan(self, self._planner, layer, sample)
        return read_vectors(self.runner, plan, CallReport(progress) if progress else Report())

    def submit(self, analysis: str | Request, *, deadline: float | None = None, **arguments: Any) -> Job:
        """Compute an analysis in another process, or return a finished job where the result exists.

        Parameters
        ----------
        analysis : str or Request
        deadline : float, optional
            Seconds that it may run.
        **arguments
            As for `run`.

        Returns
        -------
        Job
            The same one for all who ask the same; leave it with `Job.release`.

        Raises
        ------
        AnalysisError
            If the request is wrong, or needs a model and there is none.
        JobError
            If it needs what only this process has: a live model, or a class that is not in a file. Use `run` then.
        """
        plan = self.plan(analysis, **arguments)
        found = self.runner.stored(plan)
        if found is not None:
            return Job.finished(plan.key, str(found.attrs.get("title", plan.info.title)), found)
        return submit(self, plan, self.jobs, deadline)

    def outside(
        self,
        picture: Picture,
        analysis: str,
        *,
        model: Model | None = None,
        progress: ProgressCall | None = None,
        **arguments: Any,
    ) -> xr.Dataset:
        """Compute an analysis of single samples, such as an attribution, of a picture from outside of the run.

        Parameters
        ----------
        picture : str, path or bytes
            A file such as PNG or JPEG, or its bytes; nothing of it is kept.
        model : Model, optional
            The run's own architecture with other weights, as `nnlens.with_weights` makes it.
        analysis, progress, **arguments
            As for `run`, without samples.

        Returns
        -------
        Dataset
            As of a sample, with the id 0.
        """
        report = CallReport(progress) if progress else Report()
        return explain(self, read_picture(picture), analysis, arguments, report, model)

    @property
    def jobs(self) -> JobManager:
        """The manager of the jobs: the process' own unless one was given."""
        return self._jobs or shared_manager()

    def estimate(self, analysis: str | Request, **arguments: Any) -> float | None:
        """Estimate the seconds until the result is there, with what must be run first; None where nobody knows."""
        return self.runner.estimate(self.plan(analysis, **arguments))

    def explore(self, **options: Any) -> Any:
        """Open the run in the browser; options as of ``nnlens explore``. Needs the extra ``nnlens[ui]``.

        Raises
        ------
        StoreError
            If the interface is not installed.
        """
        return explore(self, options)
