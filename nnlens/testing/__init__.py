"""What authors of plugins test with: checks of the contracts, tiny runs, a registry that sees nothing installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnlens.testing.checking import check_analysis, check_view
    from nnlens.testing.tiny_network import TinyModel
    from nnlens.testing.tiny_run import tiny_images, tiny_model, tiny_store
    from nnlens.testing.waiting import wait_until

__all__ = [
    "TinyModel",
    "check_analysis",
    "check_view",
    "tiny_images",
    "tiny_model",
    "tiny_store",
    "wait_until",
]

_HOMES = {
    "TinyModel": "tiny_network",
    "check_analysis": "checking",
    "check_view": "checking",
    "tiny_images": "tiny_run",
    "tiny_model": "tiny_run",
    "tiny_store": "tiny_run",
    "wait_until": "waiting",
}


def __getattr__(name: str) -> object:
    """Import on first use: pytest loads this package in every run, also of projects that only have nnlens installed."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
