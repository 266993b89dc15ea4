"""What the explorer draws. Only modules named ``views`` import HoloViews or Panel: scripts must not need them."""

from __future__ import annotations

from collections.abc import Mapping

import holoviews as hv
import numpy as np
import xarray as xr

from nnlens import View


class ClassDistanceView(View):
    """Show how the distances are spread; a long tail is worth a look."""

    title = "Distance to class center"
    shows = {"class_distance": ("sample",)}

    def element(self, result: xr.Dataset, theme: Mapping[str, str]) -> hv.Histogram:
        """Return a histogram, colored by the theme and independent of the selection."""
        counts, edges = np.histogram(result["class_distance"].values, bins=60)
        return hv.Histogram((edges, counts), kdims=["distance"], vdims=["samples"]).opts(
            fill_color=theme["ink3"], line_color=theme["surface"]
        )
