"""A picture from outside as a run of one sample, so that what explains samples explains it as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from nnlens.errors import StoreError
from nnlens.lens.keys import digest
from nnlens.models.base import Model
from nnlens.schema import INPUT, LOGITS
from nnlens.store import Store
from nnlens.store.lazy import lazy_array

if TYPE_CHECKING:
    from pathlib import Path

    from nnlens.store.results import ResultInfo

SAMPLE = 0
"""Its id."""
NAME = "picture"
COLUMNS = ("image", "logit", "prediction")
"""What is known of it; it has no label, and so no loss."""


class NoResults:
    """In place of results beside a run: there are none, and none are kept."""

    def get(self, analysis: str, key: str) -> xr.Dataset | None:  # noqa: ARG002
        """Return None."""
        return None

    def has(self, analysis: str, key: str) -> bool:  # noqa: ARG002
        """Return False."""
        return False

    def list(self) -> list[ResultInfo]:
        """Return nothing."""
        return []

    def scratch(self) -> Path | None:
        """Return None: large arrays lie in the system's own folder."""
        return None


class Alone(Store):
    """A run that holds one picture, in memory; of its network nothing is captured, so that the model computes it.

    Parameters
    ----------
    run : Store
        The run whose network sees it.
    model : Model
        That network, or its architecture with other weights.
    image : ndarray, dims (y, x, channel), uint8
        As `decoded` returns it.
    content : bytes
        Of its file.
    """

    def __init__(self, run: Store, model: Model, image: NDArray[np.uint8], content: bytes) -> None:
        # nothing lies on the disk, so there is nothing that the base class could open
        placed = bool(run.metadata.get("thumbnails")) and not model.preprocess.code
        self._model = model
        self._images = model.preprocess.place(image[None]) if placed else image[None]
        self.path, self.name = run.path, NAME
        seen = {"run": run.fingerprint, "picture": hashlib.sha256(content).hexdigest()}
        other = (
            {}
            if run.metadata["model"].get("fingerprint") == model.fingerprint
            else {"model": model.fingerprint}
        )
        self.fingerprint = digest({**seen, **other})
        self.committed = self.total = 1
        self.complete = True
        self.metadata = MappingProxyType({**run.metadata, "thumbnails": False})
        self.class_names, self.layers, self.graph = run.class_names, (), run.graph

    def refresh(self) -> Store:
        """Return itself."""
        return self

    @property
    def ids(self) -> NDArray[np.int64]:
        """The one id there is, dims (sample,)."""
        return np.array([SAMPLE])

    @property
    def edges(self) -> tuple[str, ...]:
        """Pixels and logits."""
        return INPUT, LOGITS

    @cached_property
    def _logits(self) -> NDArray[np.float32]:
        return self._model.predict(self._model.prepare(self._images))

    @cached_property
    def samples(self) -> xr.Dataset:
        """What is known of the picture, `COLUMNS`; the network is run when it is asked."""
        classes = int(self.metadata["model"]["class_count"])
        image = xr.DataArray(self._images, dims=("sample", "y", "x", "channel"), coords={"sample": self.ids})
        logit = self._lazy(lambda: self._logits, ("sample", "class_"), (1, classes), np.float32)
        best = self._lazy(lambda: self._logits.argmax(axis=1), ("sample",), (1,), np.int64)
        return xr.Dataset({"image": image, "logit": logit, "prediction": best}, attrs={"run": self.name})

    def _lazy(
        self, values: Callable[[], NDArray[Any]], dims: tuple[str, ...], shape: tuple[int, ...], dtype: type
    ) -> xr.DataArray:
        return lazy_array(lambda positions: values()[positions], dims, shape, dtype, self.ids)

    def activation(self, layer: str) -> xr.DataArray:
        """Return pixels from 0 to 1, or logits; see `Store.activation`."""
        if layer == LOGITS:
            return self.samples["logit"].rename(class_="unit").rename("activation")
        if layer != INPUT:
            self.layer(layer)
        pixels = self.samples["image"].transpose("sample", "channel", "y", "x")
        return (pixels.astype(np.float32) / np.float32(255)).rename("activation")

    def images(self, ids: ArrayLike) -> NDArray[np.uint8]:
        """Return the picture; see `Store.images`."""
        return self._images[self.positions(ids)]

    def positions(self, ids: ArrayLike) -> NDArray[np.intp]:
        """Turn ids into positions; see `Store.positions`."""
        wanted = np.atleast_1d(np.asarray(ids, np.int64))
        if (wanted != SAMPLE).any():
            raise StoreError("A picture from outside has no other samples beside it.")
        return np.zeros(len(wanted), np.intp)

    @property
    def results(self) -> Any:
        """None, and none are kept."""
        return NoResults()
