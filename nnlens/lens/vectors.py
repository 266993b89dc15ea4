"""The vectors of a layer, for who is no analysis and wants what analyses get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from nnlens.analysis import Analysis, Request
from nnlens.errors import AnalysisError
from nnlens.jobs.reporting import Report
from nnlens.lens.choosing import LayerChoice
from nnlens.lens.layers import check_layer, layer_names
from nnlens.lens.plan import Plan
from nnlens.lens.planning import VECTORS, Planner
from nnlens.lens.requesting import Ids, check_sample
from nnlens.lens.running import Runner
from nnlens.registry import PluginInfo
from nnlens.registry.discovery import ANALYSES

if TYPE_CHECKING:
    from nnlens.lens.lens import Lens


class Vectors(Analysis):
    """Stands for who reads the vectors of a layer; no registry lists it and nothing is computed."""

    title = "vectors"
    requires = {"embedding": ("sample", "unit")}


def vectors_plan(lens: Lens, planner: Planner, layer: str | None, sample: Ids) -> Plan:
    """Settle where the vectors of a layer come from.

    Raises
    ------
    AnalysisError
        If there is no such layer or sample, or its vectors cannot be had; the message says what to do.
    """
    store = lens.store
    name = check_layer(store, layer) or LayerChoice(store, lens.registry).default(Vectors)
    if name is None:
        raise AnalysisError(
            "It is not clear which layer is meant.", f"Give one: {', '.join(layer_names(store))}."
        )
    request = Request(VECTORS, {}, name, check_sample(store, sample))
    info = PluginInfo("vectors", "nnlens", "", ANALYSES, "", title=Vectors.title)
    source = planner.source("embedding", Vectors.requires["embedding"], request, None, ())
    return Plan(request, Vectors, info, {"embedding": source}, "")


def read_vectors(runner: Runner, plan: Plan, report: Report) -> xr.DataArray:
    """Return the vectors of a plan, dims (sample, unit), having computed what they stand on."""
    vectors = runner.assemble(plan, report)["embedding"]
    by = plan.sources["embedding"]
    words = {"pooled": "mean over space", "model mean": "mean over space"}.get(by.kind, "")
    title = by.plan.info.title if by.plan else words
    return vectors.assign_attrs(layer=plan.request.layer, title=title)
