"""Runs on disk: the only place that knows their files."""

from nnlens.store.layout import StoredLayer
from nnlens.store.lazy import lazy_array
from nnlens.store.opening import open_store
from nnlens.store.reader import Store
from nnlens.store.results import ResultInfo, Results
from nnlens.store.verify import Report

__all__ = ["Report", "ResultInfo", "Results", "Store", "StoredLayer", "lazy_array", "open_store"]
