"""Layers for the analyses of channels, made in a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

DIMS = {2: ("sample", "unit"), 4: ("sample", "channel", "y", "x")}


def make_layer(values: Any, ids: Any = None, **columns: Any) -> xr.Dataset:
    values = np.asarray(values, np.float32)
    ids = np.arange(len(values)) * 3 + 7 if ids is None else np.asarray(ids)  # ids are not positions
    names = {name: ("sample", np.asarray(column)) for name, column in columns.items()}
    data = {"activation": (DIMS[values.ndim], values), **names}
    return xr.Dataset(data, coords={"sample": ids.astype(np.int64)})


@pytest.fixture(scope="session")
def layer_of() -> Callable[..., xr.Dataset]:
    """Make a dataset of ``activation`` with further columns by name."""
    return make_layer


@pytest.fixture(scope="session")
def maps() -> np.ndarray:
    """Maps (31, 5, 6, 7) as after a ReLU: channel 3 is dead, channel 4 constant and positive."""
    values = np.maximum(np.random.default_rng(0).normal(size=(31, 5, 6, 7)), 0)
    values[:, 3], values[:, 4] = 0, 2.5
    return values.astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four samples."""
    monkeypatch.setattr("nnlens_channels.blocks.BLOCK_ROWS", 4)
