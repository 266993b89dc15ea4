"""What the explorer draws. Only modules named ``views`` import HoloViews or Panel: scripts must not need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
import xarray as xr

from nnlens import Page, Selection, View


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


class FarFromClass(Page):
    """List the samples that lie farthest from the center of their class."""

    title = "Far from class"

    # the state of the page: each session has its own, and it stands in the address
    center = param.Selector(default="mean", objects=["mean", "median"], doc="The center of a class.")
    number = param.Integer(default=8, bounds=(1, 50), doc="How many samples are listed.")

    def panel(self) -> pn.Row:
        """Build the tab: what can be set at the left, the samples at the right."""
        self._ids = np.array([], np.int64)
        self._told = pmui.Typography("", variant="body2", margin=10)
        self._list = pmui.MenuList(items=[], on_click=self._inspect, width=320)
        self.param.watch(lambda _: self._ask(), ["center", "number"])
        self._ask()
        controls = pn.Column(
            pmui.Select.from_param(self.param.center, label="Center of a class", width=220),
            pmui.IntInput.from_param(self.param.number, label="Samples", width=220),
            pmui.Button(label="Select these", on_click=lambda _: self._select()),
            self._told,
            width=260,
        )
        return pn.Row(controls, self._list)

    def push(self, selection: Selection) -> None:
        """Tell how many of the listed samples are selected; called whenever the selection changes."""
        both = np.isin(self._ids, selection.samples).sum()
        self._told.object = f"{both} of {len(self._ids)} are selected"

    def focused(self, sample: int | None) -> None:
        """Mark the sample in focus, if it is listed; called whenever the focus changes."""
        place = np.flatnonzero(self._ids == sample)
        self._list.active = int(place[0]) if len(place) else None

    def _ask(self) -> None:
        self.compute("class_distance", self._show, center=self.center)  # a job, unless the result is there

    def _show(self, result: xr.Dataset) -> None:
        farthest = result.isel(sample=np.argsort(-result["class_distance"].values)[: self.number])
        self._ids = farthest["sample"].values
        self._list.items = [
            {
                "label": f"Sample {sample:,}",
                "secondary": f"{distance:.2f} times the usual distance",
                "icon": None,
            }
            for sample, distance in zip(self._ids, farthest["class_distance"].values, strict=True)
        ]
        self.push(self.state.selection)
        self.focused(self.state.focus)

    def _select(self) -> None:
        self.state.select(self._ids, {"kind": "ids"})

    def _inspect(self, item: Any) -> None:
        self.state.focus = int(self._ids[self._list.items.index(item)])
