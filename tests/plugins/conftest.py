"""What tests of analyses share: datasets made in a line, and a context that remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nnlens.analysis import Context, Request


class Told(Context):
    """Remembers progress and pictures; stops or cancels at a given message or picture.

    Parameters
    ----------
    stop_after, cancel_after : int or None
        Calls of `progress` after which "Stop, keep this" or "Cancel" is pressed.
    """

    def __init__(
        self, seed: int | None = 0, stop_after: int | None = None, cancel_after: int | None = None
    ) -> None:
        super().__init__(Request("test", seed=seed))
        self.messages: list[tuple[float, float, str]] = []
        self.pictures: list[xr.Dataset] = []
        self.stop_after, self.cancel_after = stop_after, cancel_after

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.messages.append((done, total, message))

    def partial(self, dataset: xr.Dataset) -> None:
        self.pictures.append(dataset)

    @property
    def cancelled(self) -> bool:
        return self.cancel_after is not None and len(self.messages) >= self.cancel_after

    @property
    def stopping(self) -> bool:
        return self.stop_after is not None and len(self.messages) >= self.stop_after


@pytest.fixture
def told() -> type[Told]:
    """The class of the context that remembers."""
    return Told


def make_vectors(values: Any, **columns: Any) -> xr.Dataset:
    values = np.asarray(values)
    ids = np.arange(len(values), dtype=np.int64) * 3 + 7  # ids are not positions
    names = {name: ("sample", np.asarray(column)) for name, column in columns.items()}
    return xr.Dataset({"embedding": (("sample", "unit"), values), **names}, coords={"sample": ids})


@pytest.fixture
def vectors() -> Callable[..., xr.Dataset]:
    """Make a dataset of ``embedding`` (sample, unit) with further columns by name."""
    return make_vectors


@pytest.fixture
def with_graph() -> Callable[..., xr.Dataset]:
    """Add the neighbor graph to a dataset of vectors, as the Lens does: samples that are left out are left out."""

    def add(data: xr.Dataset, k: int = 90) -> xr.Dataset:
        from nnlens_embedding.neighbors import Neighbors

        graph = Neighbors(k=k).compute(data, Told())
        return data.sel(sample=graph["sample"]).assign(neighbor=graph["neighbor"], distance=graph["distance"])

    return add


@pytest.fixture(scope="session")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Vectors (600, 12) in six groups, and the group of each."""
    rng = np.random.default_rng(3)
    label = rng.integers(0, 6, 600)
    return (rng.normal(size=(6, 12)) * 4)[label] + rng.normal(size=(600, 12)), label


@pytest.fixture(scope="session")
def digit_vectors() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 digits of scikit-learn as pixels (sample, 64), and their labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data.astype(np.float32), digits.target.astype(np.int64)
