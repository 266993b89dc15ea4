"""Candidates side by side: each batch is read once, brought to each fit once, and the same inputs are run once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nnlens.capturing.candidates import Candidate
from nnlens.capturing.contents import choose_batch_size
from nnlens.capturing.outcome import predict_and_score
from nnlens.errors import NNLensError, SamplesError
from nnlens.models.base import Float, Model
from nnlens.models.preprocess import Order, Preprocess
from nnlens.samples.base import Samples
from nnlens.samples.pixels import Images
from nnlens.schema import UNLABELLED

SOME = 128
"""Samples whose mean stands for that of the data set; they are spread over all of it."""
Inputs = tuple[str, tuple[float, ...]]
"""What tells the inputs of one batch from others: a digest of the pixels, and the numbers that they are scaled by."""


@dataclass
class Attempt:
    """What became of one candidate.

    Attributes
    ----------
    candidate : Candidate
    inputs : list
        What tells the inputs of each batch from others.
    predictions : list of ndarray
        Of each batch, dims (sample,).
    error : str
        Why the network failed; empty where it did not.
    """

    candidate: Candidate
    inputs: list[Inputs] = field(default_factory=list)
    predictions: list[NDArray[np.int64]] = field(default_factory=list)
    error: str = ""

    @property
    def name(self) -> str:
        """The name of the candidate."""
        return self.candidate.name


class Trials:
    """Run a network on the same samples with one candidate after another.

    Parameters
    ----------
    model : Model
    samples : Samples
    positions : ndarray of int64, dims (sample,)
        Of the samples to try.
    progress : callable or None
        Called with what is done, the total and what is being done.
    predict : callable, optional
        Gives logits for inputs; the model's own where it is left out.
    """

    def __init__(
        self,
        model: Model,
        samples: Samples,
        positions: NDArray[np.int64],
        progress: Callable[[int, int, str], None] | None,
        predict: Callable[[Float], Float] | None = None,
    ) -> None:
        self._predict_logits = predict or model.predict
        self._samples = samples
        self._positions = positions
        self._progress = progress
        size = choose_batch_size(model)
        self._batches = [positions[start : start + size] for start in range(0, len(positions), size)]
        self._known: dict[tuple[int, Inputs], NDArray[np.int64]] = {}

    def run(self, candidates: Sequence[Candidate], message: str) -> list[Attempt]:
        """Return what became of each candidate; one that makes the network fail does not stop the rest."""
        attempts = [Attempt(candidate) for candidate in candidates]
        total = len(attempts) * len(self._batches)
        for number, positions in enumerate(self._batches):
            images = self._samples.images(positions)
            placed: dict[str, NDArray[np.uint8]] = {}
            for index, attempt in enumerate(attempts):
                self._try(attempt, number, images, placed)
                if self._progress is not None:
                    self._progress(number * len(attempts) + index + 1, total, message)
        return attempts

    def pixels(self, preprocess: Preprocess) -> NDArray[np.uint8]:
        """Return some of the samples in the size and channels of the network, dims (sample, y, x, channel)."""
        return pixels_of(preprocess, self._samples.images(self._positions[:SOME]))

    def _try(
        self, attempt: Attempt, number: int, images: Images, placed: dict[str, NDArray[np.uint8]]
    ) -> None:
        if attempt.error:
            return
        preprocess = attempt.candidate.preprocess
        if preprocess.fit not in placed:
            placed[preprocess.fit] = pixels_of(preprocess, images)
        pixels = placed[preprocess.fit]
        inputs = told_apart(preprocess, pixels)
        try:
            if (number, inputs) not in self._known:
                self._known[number, inputs] = self._predict(preprocess, pixels)
        except Exception as error:  # an architecture is code of the user's, and may refuse inputs as it likes
            attempt.error = one_line(error)
            return
        attempt.inputs.append(inputs)
        attempt.predictions.append(self._known[number, inputs])

    def _predict(self, preprocess: Preprocess, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
        logits = self._predict_logits(preprocess(pixels))
        return predict_and_score(logits, np.full(len(pixels), UNLABELLED))[0]

    @property
    def ids(self) -> NDArray[np.int64]:
        """The samples that were tried and could be read.

        Raises
        ------
        SamplesError
            If none could.
        """
        if not self._readable().any():
            raise SamplesError("None of the samples that were tried can be read.", "Check the files.")
        return self._samples.ids[self._positions[self._readable()]]

    def correct(self, attempt: Attempt) -> NDArray[np.bool_]:
        """Tell which samples were predicted right; none where the network failed."""
        labels = self._samples.labels[self._positions]
        right = np.zeros(len(labels), bool) if attempt.error else self._predictions(attempt) == labels
        return right[self._readable()]

    def invalid(self, attempt: Attempt) -> int:
        """Count the samples whose logits are not finite."""
        return 0 if attempt.error else int((self._predictions(attempt) == UNLABELLED).sum())

    def _predictions(self, attempt: Attempt) -> NDArray[np.int64]:
        return np.concatenate(attempt.predictions)

    def _readable(self) -> NDArray[np.bool_]:
        return are_readable(self._samples, self._positions)


def are_readable(samples: Samples, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which files turned out to be pictures; what the network makes of black says nothing."""
    paths, broken = samples.paths, samples.broken
    if paths is None or not broken:
        return np.ones(len(positions), bool)
    return np.array([paths[position] not in broken for position in positions], bool)


def pixels_of(preprocess: Preprocess, images: Images) -> NDArray[np.uint8]:
    """Return images of the network's size and channels, dims (sample, y, x, channel), RGB or grey, unscaled."""
    order: Order = "grey" if preprocess.channels == 1 else "RGB"
    plain = replace(preprocess, scale=1, mean=0, std=1, order=order)
    return plain(images).astype(np.uint8).transpose(0, 2, 3, 1)


def told_apart(preprocess: Preprocess, pixels: NDArray[np.uint8]) -> Inputs:
    """Return what two preprocessings share only where they make the same inputs of pixels, but for rounding."""
    ordered = pixels[..., ::-1] if preprocess.order == "BGR" else pixels
    std = np.broadcast_to(np.asarray(preprocess.std, float), preprocess.channels)
    numbers = (*(preprocess.scale / std), *(np.asarray(preprocess.mean, float) / std))
    digest = hashlib.blake2b(np.ascontiguousarray(ordered).data).hexdigest()
    return digest, tuple(float(f"{number:.7g}") for number in numbers)


def one_line(error: Exception) -> str:
    """Return what went wrong in one line."""
    text = str(error) if isinstance(error, NNLensError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
