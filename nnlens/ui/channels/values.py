"""The values of one channel in the sample in focus, as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nnlens.errors import NNLensError
from nnlens.ui.channels.measures import RANGE
from nnlens.ui.channels.source import ChannelSource
from nnlens.ui.core.work import Task

Floats = NDArray[np.float32]
Done = Callable[[Floats], Any]


class Values:
    """Asks for values; of two requests only the later one is answered.

    Parameters
    ----------
    source : ChannelSource
    """

    def __init__(self, source: ChannelSource) -> None:
        self.source = source
        self._task: Task | None = None
        self._wanted: tuple[Any, ...] | None = None

    def ask(self, channel: int | None, done: Done) -> None:
        """Get the map of a channel, dims (y, x); without one that of a flat layer's units.

        Parameters
        ----------
        channel : int or None
        done : callable
            Gets the values, now or later; not called again while nothing changes.
        """
        source = self.source
        wanted = (source.layer, source.session.state.focus, channel, source.result is None)
        if wanted == self._wanted:
            return
        self._drop()
        self._wanted = wanted
        tools = source.catalog.channel_values
        request = source.request(channel=channel)
        try:
            found = source.lens.cached(tools[0].id, **request) if tools else None
            if found is not None:
                done(_map(found["channel_value"]))
            elif tools:
                settle = lambda result: self._settle(wanted, _map(result["channel_value"]), done)  # noqa: E731
                self._task = source.run(tools[0], request, settle, self._failed)
            elif source.result is not None:
                done(rounded(source.result, channel or 0))
        except NNLensError as error:
            self._failed(error)

    def _settle(self, wanted: tuple[Any, ...], values: Floats, done: Done) -> None:
        self._task = None
        if wanted == self._wanted:
            done(values)

    def _failed(self, error: BaseException) -> None:
        self._wanted = None
        self.source.session.report(error)

    def _drop(self) -> None:
        if self._task is not None:
            self.source.work.drop(self._task)
        self._task = None


def at_hand(source: ChannelSource, channel: int | None) -> Floats | None:
    """Return the values of a channel, or of a flat layer's units, dims (y, x), where nothing need be computed.

    Where nothing gives the values themselves they are those that the thumbnail stands for.
    """
    tools = source.catalog.channel_values
    found = source.lens.cached(tools[0].id, **source.request(channel=channel)) if tools else None
    if found is not None:
        return _map(found["channel_value"])
    known = source.result is not None and (not tools or channel is None)
    return rounded(source.result, channel or 0) if known and source.result is not None else None


def _map(values: xr.DataArray) -> Floats:
    return np.asarray(values.values[0, 0], np.float32)


def rounded(result: xr.Dataset, channel: int) -> Floats:
    """Return the values that a thumbnail stands for, where nothing gives the values themselves."""
    low, high = (float(result[name].values[0, channel]) for name in RANGE)
    return np.asarray(low + result["feature_map"].values[0, channel] / 255 * (high - low), np.float32)
