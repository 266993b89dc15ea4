"""Results kept in memory up to a size: what hovering over samples computes, and what was read last."""

from __future__ import annotations

import threading
from collections import OrderedDict

import xarray as xr

MEMORY_BYTES = 64 << 20


class Recent:
    """Datasets by key; those that were not asked for the longest go first.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int = MEMORY_BYTES) -> None:
        self.limit = limit
        self._kept: OrderedDict[str, xr.Dataset] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def get(self, key: str) -> xr.Dataset | None:
        """Return a copy of a result, so that nobody changes another's numbers; None where there is none."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            kept = self._kept[key]
        return kept.copy(deep=True)

    def put(self, key: str, dataset: xr.Dataset) -> None:
        """Keep a result; one that is larger than the limit is not kept."""
        with self._lock:
            self._drop(key)
            if dataset.nbytes > self.limit:
                return
            self._kept[key] = dataset.copy(deep=True)
            self._bytes += dataset.nbytes
            while self._bytes > self.limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.nbytes
