"""The loop of a capture: batches of images through the network into batches of the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nnlens.capturing.outcome import Outcome, predict_and_score
from nnlens.capturing.plan import CaptureEstimate
from nnlens.capturing.probing import wanted_outputs
from nnlens.capturing.writing import Batch, OverlappedWriter
from nnlens.models.base import Model
from nnlens.models.pooling import pool
from nnlens.samples.base import Samples
from nnlens.samples.pixels import Images
from nnlens.schema import LOGITS
from nnlens.store.commit import Commit
from nnlens.store.layout import StoredLayer

REPORT_SECONDS = 0.1
"""Progress is told no more often than this."""


@dataclass(frozen=True)
class CaptureProgress:
    """How far a capture is.

    Attributes
    ----------
    done, total : int
        Samples.
    remaining_seconds : float or None
        None before anything can be said.
    bytes : int
        Of what is stored of the samples so far, uncompressed.
    accuracy : float or None
        Against the labels of the samples that were handed to the writer; None before and without labels.
    """

    done: int
    total: int
    remaining_seconds: float | None
    bytes: int
    accuracy: float | None


Progress = Callable[[CaptureProgress], None]


class CaptureLoop:
    """Compute what is not yet committed and hand it to the writer.

    Parameters
    ----------
    model : Model
    samples : Samples
    estimate : CaptureEstimate
    stored : sequence of StoredLayer
    batch_size : int
        Samples in a forward pass. Batches begin anew at every commit, so that a resumed capture cuts the samples
        as an uninterrupted one does: the last bit of a matrix product depends on the batch.
    progress : callable or None
    """

    def __init__(
        self,
        model: Model,
        samples: Samples,
        estimate: CaptureEstimate,
        stored: Sequence[StoredLayer],
        batch_size: int,
        progress: Progress | None,
    ) -> None:
        self._model = model
        self._samples = samples
        self._estimate = estimate
        self._stored = stored
        self._full, self._means = wanted_outputs(stored)
        self._batch_size = batch_size
        self._progress = progress
        self._outcome = Outcome()
        self._seconds = 0.0
        self._reported = 0.0

    def run(self, commit: Commit, writer: OverlappedWriter) -> None:
        """Go on after a commit, to the end."""
        facts = commit.facts
        self._outcome = Outcome(
            *(int(facts.get(key, 0)) for key in ("labelled", "correct", "invalid", "unfit"))
        )
        self._seconds = float(facts.get("seconds", 0.0))
        began = time.perf_counter()
        for start in range(commit.rows, commit.total, commit.shard):
            stop = min(start + commit.shard, commit.total)
            batch = writer.batch()
            for first in range(start, stop, self._batch_size):
                last = min(first + self._batch_size, stop)
                self._compute(slice(first, last), slice(first - start, last - start), batch)
                if last < stop:
                    self._report(last, commit, time.perf_counter() - began)
            self._describe(slice(start, stop), batch)
            self._report(stop, commit, time.perf_counter() - began)
            seconds = self._seconds + time.perf_counter() - began
            writer.store(batch, {**self._outcome.facts(self._model.class_count), "seconds": seconds})

    def _compute(self, source: slice, target: slice, batch: Batch) -> None:
        images = self._samples.images(source)
        inputs = self._model.prepare(images)
        outputs = self._model.activations(inputs, self._full, self._means, exact=False)
        for layer in self._stored:
            output = outputs[layer.name]
            if layer.kept:
                batch[f"{layer.path}/activation"][target] = output
            if layer.pooled:
                batch[f"{layer.path}/pooled"][target] = pool(output) if layer.kept else output
        batch["samples/logit"][target] = outputs[LOGITS]
        batch["samples/image"][target] = thumbnails(images, self._estimate.image_shape)
        lost = self._samples.lost(source)
        if lost.any():
            self._blank(target, lost, batch)

    def _blank(self, target: slice, lost: NDArray[np.bool_], batch: Batch) -> None:
        """Store nothing of samples whose files are damaged: what the network makes of black would look real."""
        rows = np.arange(target.start, target.stop)[lost]
        names = [f"{layer.path}/{form}" for layer in self._stored for form in ("activation", "pooled")]
        for name in ("samples/logit", *(name for name in names if name in batch)):
            batch[name][rows] = np.nan

    def _describe(self, source: slice, batch: Batch) -> None:
        """Fill in what is known of each sample, for a whole batch of the run."""
        samples = self._samples
        count = source.stop - source.start
        labels = np.asarray(samples.labels[source], np.int64)
        prediction, loss = predict_and_score(batch["samples/logit"][:count], labels)
        known = ~samples.lost(source)  # what could not be read is no mistake of the network
        self._outcome.add(labels[known], prediction[known], self._model.class_count)
        values: dict[str, Any] = {
            "id": samples.ids[source],
            "label": labels,
            "prediction": prediction,
            "loss": loss,
            "split": samples.splits[source],
        }
        if samples.paths is not None:
            values["path"] = list(samples.paths[source])
        for name, value in values.items():
            batch[f"samples/{name}"][:count] = value

    def _report(self, done: int, commit: Commit, elapsed: float) -> None:
        last = done == commit.total
        if self._progress is None or (elapsed - self._reported < REPORT_SECONDS and not last):
            return
        self._reported = elapsed
        remaining = elapsed / (done - commit.rows) * (commit.total - done)
        size = self._estimate.bytes * done // commit.total
        self._progress(CaptureProgress(done, commit.total, remaining, size, self._outcome.accuracy))


def thumbnails(images: Images, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return images in the form that is stored, dims (sample, y, x, channel); one of another form lies on black."""
    if not isinstance(images, list) and images.shape[1:] == shape:
        return images
    height, width, channels = shape
    out = np.zeros((len(images), *shape), np.uint8)
    for image, target in zip(images, out, strict=True):
        y, x = image.shape[:2]
        factor = min(height / y, width / x)
        tall, wide = max(1, round(y * factor)), max(1, round(x * factor))
        top, left = (height - tall) // 2, (width - wide) // 2
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        small = np.asarray(picture.resize((wide, tall), Image.Resampling.BOX)).reshape(tall, wide, channels)
        target[top : top + tall, left : left + wide] = small
    return out
