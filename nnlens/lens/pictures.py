"""Pictures of samples to look at: at their true pixels, and as they went into the network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import AnalysisError, NNLensError
from nnlens.lens.inputs import Inputs
from nnlens.models.preprocess import Preprocess

T = TypeVar("T")
Image = NDArray[np.uint8]


class Pictures:
    """The pictures of a run, from its data set where the run itself holds thumbnails.

    Parameters
    ----------
    inputs : Inputs
        What finds the data set.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._lock = threading.Lock()  # a data set is opened once, whoever asks first
        self._missing: NNLensError | None = None

    def full(self, sample: int) -> Image:
        """Return a picture as the data set has it, dims (y, x, channel).

        Raises
        ------
        AnalysisError
            If the run holds thumbnails and the data set cannot be opened, or is another.
        StoreError
            If the run has no such sample or no images.
        """
        store = self._inputs.store
        place = store.positions([sample])
        if not self._inputs.thumbnails:
            return np.asarray(store.images([sample])[0])
        samples = self._opened(lambda: self._inputs.samples)
        found = np.flatnonzero(samples.ids == store.ids[place[0]])
        return np.asarray(samples.images(found)[0])

    def seen(self, sample: int) -> Image:
        """Return a picture as the network's preprocessing places it, dims (y, x, channel): cut, stretched or padded.

        So that a map of the network's input lies over the right pixels. As it is where the run does not tell how.

        Raises
        ------
        AnalysisError, StoreError
            As of `full`.
        """
        whole, told = self.full(sample), self._inputs.store.metadata.get("preprocess")
        used = Preprocess.from_dict(told) if told else None
        return whole if used is None or used.code else used.place(whole[None])[0]

    def _opened(self, opening: Callable[[], T]) -> T:
        """Open the data set, and try no second time what failed."""
        with self._lock:
            if self._missing is not None:
                raise AnalysisError(self._missing.message, self._missing.hint)
            try:
                return opening()
            except NNLensError as error:
                self._missing = error
                raise
