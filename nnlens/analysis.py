"""The plugin contract for analyses: one class, what it needs, what it gives.

An analysis turns a dataset of what the run holds (or of what another analysis provides) into a result.
Its parameters are ``param`` parameters: they become the controls of the page, the flags of the command line and
the documentation.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import param
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from nnlens.errors import AnalysisError
from nnlens.schema import LARGE_BYTES, Dims

if TYPE_CHECKING:
    from nnlens.models.base import Model

PLUGIN_API = 1
RESERVED = frozenset(
    ["analysis", "channel", "deadline", "layer", "name", "progress", "sample", "seed", "target", "using"]
)
"""Names that come with the request and so cannot be parameters of an analysis."""

Scope = Literal["dataset", "sample", "channel"]


@dataclass(frozen=True)
class Request:
    """What is asked of an analysis, apart from its own parameters.

    Attributes
    ----------
    analysis : str
        ``dist:name`` of the analysis.
    parameters : mapping
        Every parameter of the analysis, defaults filled in.
    layer : str or None
        The framework's own name of the layer, or ``"@input"``.
    sample : tuple of int or None
        Ids, sorted; None means all committed samples.
    channel : int or None
        The channel that is looked at.
    target : int or str or None
        The output that is explained: None is the predicted class, a number that class, ``"label"`` each sample's own
        label (`compute` then also gets the variable ``label``, -1 where a sample has none), ``"LAYER:INDEX"`` a unit of
        a flat layer or a channel of a spatial one.
    seed : int or None
        Seed of ``context.rng``; None allows what is not reproducible, such as several threads.
    using : tuple of str
        Keys of results that this one is to be computed from, or analyses (``dist:name``) to be run first for it.
    """

    analysis: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None
    sample: tuple[int, ...] | None = None
    channel: int | None = None
    target: int | str | None = None
    seed: int | None = 0
    using: tuple[str, ...] = ()


class Context:
    """What a running analysis may ask of the outside.

    Parameters
    ----------
    request : Request
        What was asked.
    model : Model or None
        The network, where the analysis declares ``needs_model``.

    Notes
    -----
    The base class reports to nobody: a script's ``lens.run``, a test and a background worker each override
    ``progress``, ``partial``, ``cancelled`` and ``stopping`` as they need.
    """

    def __init__(self, request: Request, model: Model | None = None) -> None:
        self.request = request
        self.model = model
        self.rng = np.random.default_rng(request.seed)

    def empty(self, shape: Sequence[int], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return an array to be filled with a result: a large one in a file of its own, gone with the array.

        A data set's attributions are larger than the memory of a laptop; such a file's pages go to the disk and back.

        Raises
        ------
        AnalysisError
            If there is no room for it on the disk.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size <= LARGE_BYTES:
            return np.empty(tuple(shape), dtype)
        try:
            with tempfile.TemporaryFile(dir=self._scratch()) as file:
                if hasattr(os, "posix_fallocate"):  # a full disk would end the process at a page written back
                    os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, dtype, "w+", shape=tuple(shape))
        except OSError as error:
            raise AnalysisError(
                f"There is no room for a result of {size / 1e9:.1f} GB: {error.strerror or error}.",
                "Free some space, or choose fewer samples.",
            ) from error

    def _scratch(self) -> Path | None:
        """Return the folder for large arrays, None for the system's own."""
        return None

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell how far the work is: `done` of `total`, in any unit, with a word on the step."""

    def partial(self, dataset: xr.Dataset) -> None:
        """Show a result that is not final; it must satisfy ``provides``. Cheap to call often: it is thinned out."""

    def recompute(
        self,
        variable: str,
        sample: Sequence[int] | NDArray[np.int64] | None = None,
        model: Model | None = None,
        target: int | str | None = None,
    ) -> xr.Dataset:
        """Run the analysis that a required variable came from once more, with its own parameters and seed.

        So that a check of explanations need not know any method: it asks for the same on another network.

        Parameters
        ----------
        variable : str
            One of `Analysis.requires` that another analysis provided.
        sample : sequence of int, optional
            Ids; all samples of that result by default.
        model : Model, optional
            What that analysis gets as ``context.model``; the network of the run by default.
        target : int or str, optional
            The output that is explained; the one of the request by default.

        Returns
        -------
        Dataset
            All that the analysis provides; it is not kept.

        Raises
        ------
        AnalysisError
            If no analysis made the variable, or only its finished result was given.
        """
        del sample, model, target
        raise AnalysisError(
            f"Nothing here can compute {variable} again.", "Run the analysis by a Lens: lens.run(…)."
        )

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more: return soon, whatever comes back is dropped."""
        return False

    @property
    def stopping(self) -> bool:
        """Whether the user pressed "Stop, keep this": return the best so far."""
        return False


@dataclass(frozen=True)
class Need:
    """How a required variable that another analysis provides is to be made.

    Attributes
    ----------
    parameters : mapping
        Parameters for the analysis that provides it.
    analysis : str or None
        That analysis by name, whatever dims it gives the variable; None takes the provider with the highest priority
        that gives those required.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    analysis: str | None = None


class Analysis(param.Parameterized):
    """The base class of all analyses: declare what is required and provided, then write `compute`.

    Attributes
    ----------
    plugin_api : int
        The version of this contract that the class was written for; must equal `PLUGIN_API`.
    title : str
        What menus and plot titles call it; the class name when empty.
    scope : {"dataset", "sample", "channel"}
        Where its controls stand, and whether it needs all samples or the one in focus.
    requires : mapping of str to dims
        Variables that `compute` gets: ``embedding``, ``activation``, ``pooled``, ``image``, ``input`` (the image as the
        network takes it), ``label``, ``prediction``, ``logit``, ``loss``, or any that another analysis provides (the
        Lens runs that one first). Dims ``("sample", "...")`` take a layer of any form, flat or with height and width.
    wants : mapping of str to dims
        Columns of the samples that `compute` gets as well where the run has them, and ``pooled_layers`` (sample, unit):
        the pooled channels of all layers side by side; attribute ``layers``: (name, count, word) each.
    provides : mapping of str to dims
        Variables that the result holds.
    against_rest : bool
        Whether `compute` gets all samples, of which ``context.request.sample`` says which were chosen.
    needs_model : bool
        Whether `compute` calls ``context.model``.
    needs_layer : bool
        Whether a request must name a layer (where it is not told by `requires`).
    takes_channel : bool
        Whether it may name a channel of the layer.
    axes : str
        The parameter that says how many components ``projection`` gets, of one that can draw in 2-D and in 3-D.
    priority : int
        Among analyses that provide the same variable the highest is the default.
    """

    plugin_api: ClassVar[int] = PLUGIN_API
    title: ClassVar[str] = ""
    scope: ClassVar[Scope] = "dataset"
    requires: ClassVar[Mapping[str, Dims]] = {}
    wants: ClassVar[Mapping[str, Dims]] = {}
    provides: ClassVar[Mapping[str, Dims]] = {}
    against_rest: ClassVar[bool] = False
    needs_model: ClassVar[bool] = False
    needs_layer: ClassVar[bool] = False
    takes_channel: ClassVar[bool] = False
    axes: ClassVar[str] = ""
    priority: ClassVar[int] = 0

    def needs(self) -> Mapping[str, Need]:
        """Say how required variables are to be made, where the defaults of their providers do not fit."""
        return {}

    def estimate(self, sizes: Mapping[str, int]) -> float | None:  # noqa: ARG002 - subclasses use it
        """Estimate the seconds of `compute` on two cores.

        Parameters
        ----------
        sizes : mapping of str to int
            Lengths of the dimensions of what is required, such as ``{"sample": 60000, "unit": 84}``.

        Returns
        -------
        float or None
            Seconds; None where nobody knows.
        """
        return None

    def compute(self, data: xr.Dataset, context: Context) -> xr.Dataset:
        """Compute the result.

        Parameters
        ----------
        data : Dataset
            The required variables, lazy, with int64 ids as coordinate ``sample``.
        context : Context
            Request, model, random numbers, progress, partial pictures, cancelling.

        Returns
        -------
        Dataset
            What `provides` names. What was really used comes back as attributes: ``caption`` (shown under the plot's
            title, such as "perplexity 30 · 60,000 samples · 0 left out") and any plain number or text. A result that
            leaves samples out carries only the ids it has. What may be large stands in an array of `Context.empty`. A
            variable's attribute ``short_name`` is what stands where there is room for a word only.

        Raises
        ------
        AnalysisError
            If the data cannot be used; the message says why and what to do.
        """
        raise NotImplementedError(f"{type(self).__name__} must define compute")


LAYER_VARIABLES = frozenset({"embedding", "activation", "pooled"})
"""Required variables that belong to a layer, so that the request must name one."""


def wants_layer(cls: type[Analysis]) -> bool:
    """Whether a request for this analysis must name a layer."""
    return cls.needs_layer or bool(LAYER_VARIABLES & set(cls.requires))
