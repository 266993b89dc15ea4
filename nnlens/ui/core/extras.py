"""Columns that results bring: one value a sample colors the maps, and can be filtered and sorted by."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nnlens.errors import NNLensError
from nnlens.ui.core.catalog import Catalog, Tool
from nnlens.ui.core.session import Session


def restore_columns(session: Session, catalog: Catalog) -> None:
    """Add the columns of the results that the run holds already, so that a link that names one finds it."""
    lens = session.lens
    if lens is None:
        return
    for tool in catalog.scorers:
        try:
            found = lens.cached(tool.id)
        except NNLensError:  # what it requires is not here: then nothing of it is
            continue
        if found is not None:
            take_columns(session, tool, found)


def take_columns(session: Session, tool: Tool, result: xr.Dataset) -> list[str]:
    """Add the variables of a result that have one number a sample to the run's columns.

    Parameters
    ----------
    session : Session
    tool : Tool
        What computed it; its title tells two columns of one name apart.
    result : Dataset

    Returns
    -------
    list of str
        Names of the columns.
    """
    data = session.data
    taken = []
    for variable, array in result.data_vars.items():
        if array.dims != ("sample",) or array.dtype.kind not in "fiub":
            continue
        column = str(variable)
        if column in ("label", "prediction", "loss", "id", "correct"):
            column = f"{tool.info.name}_{column}"
        values = np.full(len(data), np.nan, np.float32)
        positions = data.positions(result["sample"].values)
        there = positions >= 0
        values[positions[there]] = np.asarray(array.values, np.float32)[there]
        data.extras[column] = values
        taken.append(column)
    if taken:
        session.columns += 1
    if session.state.color_by in taken:  # the same column may have come with other values
        session.state.param.trigger("color_by")
    return taken
