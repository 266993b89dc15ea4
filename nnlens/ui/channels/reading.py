"""What a run holds or knows of a sample, read in a thread apart from the page's; and where to begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from nnlens.schema import INPUT
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop

if TYPE_CHECKING:
    from nnlens.lens import Lens


def looked_up(
    lens: Lens, tool: Tool, request: Mapping[str, Any], held: bool
) -> xr.Dataset | Exception | None:
    """Return maps that are there, or that take no more than reading."""
    try:
        found = lens.cached(tool.id, **request)
    except Exception as error:  # of a plugin too: somebody waits for what is told
        return error
    return outcome(lens, tool, request) if found is None and held else found


def outcome(lens: Lens, tool: Tool, request: Mapping[str, Any]) -> xr.Dataset | Exception:
    """Return what an analysis makes of a request, or why it cannot."""
    try:
        return lens.run(tool.id, **request)
    except Exception as error:  # told where the maps would be, not over the page
        return error


def tell(
    done: Callable[[xr.Dataset], Any],
    failed: Callable[[BaseException], Any],
    found: xr.Dataset | Exception,
) -> None:
    """Tell what was computed, or what kept it from being there."""
    failed(found) if isinstance(found, Exception) else done(found)


def first_layer(session: Session, layers: list[Stop]) -> str:
    """Return the layer that is looked at first: that of map A if it has maps, else the last one that has.

    One that the run holds comes before others, of which somebody must ask for the maps.
    """
    spatial = [
        stop.name for stop in layers if stop.name != INPUT and stop.spatial and max(stop.shape[1:]) > 1
    ]
    wanted = session.state.map_a.layer
    if wanted in spatial:
        return wanted
    kept = {layer.name for layer in session.lens.store.layers if layer.kept} if session.lens else set()
    held = [name for name in spatial if name in kept]
    return (held or spatial or [stop.name for stop in layers])[-1]
