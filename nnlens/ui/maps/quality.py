"""How good a map is: the figures under it, from whichever analyses judge projections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import xarray as xr

from nnlens.errors import NNLensError
from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.session import Session
from nnlens.ui.core.work import Work
from nnlens.ui.look.text import count, plain, share

Tell = Callable[[str], Any]


class Judging:
    """Finds the figures of a projection, computing those that are not there.

    Parameters
    ----------
    session : Session
    work : Work
    catalog : Catalog
    """

    def __init__(self, session: Session, work: Work, catalog: Catalog) -> None:
        self.session, self.work, self.catalog = session, work, catalog

    def judge(self, result: xr.Dataset, layer: str, title: str, tell: Tell) -> None:
        """Tell the figures of a result, now or when they are there.

        Parameters
        ----------
        result : Dataset
            A projection, with its key.
        layer, title : str
            The layer it shows, and what the page calls it.
        tell : callable
            Gets the line.
        """
        tell("")
        key, lens = str(result.attrs.get("key", "")), self.session.lens
        if lens is None or not key:
            return
        for tool in self.catalog.judges:
            told = partial(_tell, tell)
            try:
                request = {"using": [key], **({"layer": layer} if lens.wants_layer(tool.id) else {})}
                found = lens.cached(tool.id, **request)
                if found is not None:
                    told(found)
                else:
                    self.work.submit(tool.id, f"{tool.title} of {title}", told, request, failed=self._failed)
            except NNLensError as error:
                self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.session.report(error, "warning")


def _tell(tell: Tell, figures: xr.Dataset) -> None:
    tell(figures_text(figures))


def figures_text(figures: xr.Dataset) -> str:
    """Write single numbers on one line, in their order: ``kNN kept .40 · trust .98``."""
    single = sorted(
        (str(key), array)
        for key, array in figures.data_vars.items()
        if array.ndim == 0 and float(array) == float(array)
    )
    words = [f"{plain(_title(key, array))} {share(float(array), 2)}" for key, array in single]
    probed = figures.attrs.get("probed", figures.attrs.get("probes"))
    asked = [f"{count(probed)} probed"] if words and isinstance(probed, int | float) else []
    return " · ".join([*words, *asked])


def _title(key: str, array: xr.DataArray) -> str:
    named = (array.attrs.get(attribute) for attribute in ("short_name", "long_name"))
    return next((str(name) for name in named if name), key.replace("_", " "))
