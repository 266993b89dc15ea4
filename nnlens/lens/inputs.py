"""The images as they went into the network: from the run, or from the data set where the run holds thumbnails."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import AnalysisError, NNLensError
from nnlens.models.base import Model
from nnlens.samples import load_samples
from nnlens.samples.base import Samples

if TYPE_CHECKING:
    from nnlens.store import Store

HINT = "Start where the data set is, or give it: Lens(run, samples=nnlens.load_samples(…))."


class Inputs:
    """Images by id.

    Parameters
    ----------
    store : Store
    model : Model or None
        Whose size large images are brought to.
    samples : Samples, optional
        The data set of the run; opened again by what the run says of it when left out.
    """

    def __init__(self, store: Store, model: Model | None, samples: Samples | None = None) -> None:
        self.store = store
        self.model = model
        self._given = samples

    @property
    def thumbnails(self) -> bool:
        """Whether the run holds smaller images than the network saw."""
        return bool(self.store.metadata.get("thumbnails"))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an image, (y, x, channel)."""
        if self.thumbnails and self.model is not None:
            used = self.model.preprocess
            if used.code:
                return self._own_shape()
            return used.height, used.width, used.channels
        sizes = self.store.samples["image"].sizes
        return sizes["y"], sizes["x"], sizes["channel"]

    def read(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images, dims (sample, y, x, channel), that the model can prepare.

        Raises
        ------
        AnalysisError
            If the data set is needed and cannot be opened, or is another.
        """
        if not self.thumbnails or self.model is None:
            return self.store.images(ids)
        order = np.argsort(self.samples.ids)
        places = order[np.searchsorted(self.samples.ids, ids, sorter=order)]
        if self.model.preprocess.code:  # the architecture's own code takes images as they are
            return np.asarray(self.samples.images(places)).reshape(-1, *self._own_shape())
        return self.model.preprocess.place(self.samples.images(places))

    def _own_shape(self) -> tuple[int, int, int]:
        if self.samples.image_shape is None:
            raise AnalysisError(
                "The images differ in size, and the architecture's own code takes them as they are.",
                "Open the model with a preprocessing (--size on the command line) and capture again.",
            )
        return self.samples.image_shape

    @cached_property
    def samples(self) -> Samples:
        """The data set of the run.

        Raises
        ------
        AnalysisError
            If it cannot be opened, or is another.
        """
        told = self.store.metadata["samples"]
        outputs = self.store.metadata["model"]["class_count"]
        found = (self._given or self._opened(told.get("reference"))).for_outputs(outputs)
        if found.fingerprint != told["fingerprint"]:
            raise AnalysisError("The data set is not the one that the run was captured from.", HINT)
        return found

    def _opened(self, reference: object) -> Samples:
        if not isinstance(reference, dict):
            raise AnalysisError("The run holds thumbnails, and does not say where its images are.", HINT)
        try:
            return load_samples(
                reference["source"], reference["split"], reference.get("limit"), reference.get("seed")
            )
        except (NNLensError, KeyError, TypeError) as error:
            raise AnalysisError(
                f"The run holds thumbnails, and its data set cannot be opened: {error}", HINT
            ) from error
