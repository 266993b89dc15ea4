"""What can be made before the first page asks for it: compiled kernels, and what all pages of a run show."""

from __future__ import annotations

import numpy as np

from nnlens.ui.core import raster
from nnlens.ui.core.data import RunData
from nnlens.ui.core.regions import in_lasso
from nnlens.ui.panels.histogram import Bins
from nnlens.ui.panels.matrix import few_confusions, sheet


def warm(data: RunData) -> None:
    """Compile the kernels and make what the sessions of a run share; a first page is seconds faster for it."""
    raster.warm()
    point = np.zeros(1, np.float32)
    in_lasso(point, point, [(0, 0), (1, 0), (0, 1)])
    if data.scored:
        data.once("loss bins", Bins.of)
        data.steps("loss")
        sheet(data, few_confusions(data))
