"""What the benchmarks of analyses share: a clock that also counts processor time, real vectors, tables."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens import load_model, load_samples

BATCH = 64


def limit_threads(threads: int) -> None:
    """Set the threads of every library; to be called before the first of them is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)


class Clock:
    """Seconds of wall and processor between entering and leaving."""

    def __enter__(self) -> Clock:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.processor = time.process_time() - self._processor


def timed(work: Callable[[], Any]) -> tuple[Any, Clock]:
    """Return what the work returned and how long it took."""
    with Clock() as clock:
        result = work()
    return result, clock


def taking_turns(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Clock]]:
    """Return how long each work took in every round, after one round that does not count.

    In turns, so that what else the machine does falls on all of them alike; ratios are then taken round by round.
    """
    clocks: dict[str, list[Clock]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            clocks[name].append(timed(work)[1])
    return {name: each[1:] for name, each in clocks.items()}


def hidden_vectors(
    model_source: str, samples_source: str, cache: Path | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the hidden vectors (sample, unit) of a real network on real images, and the labels."""
    if cache is not None and cache.exists():
        held = np.load(cache)
        return held["vectors"], held["labels"]
    model, samples = load_model(model_source), load_samples(samples_source)
    layer = model.hidden_layer
    parts = []
    for start in range(0, len(samples), BATCH):
        images = samples.images(slice(start, start + BATCH))
        parts.append(model.activations(model.prepare(images), [layer])[layer].copy())
    vectors, labels = np.concatenate(parts), np.asarray(samples.labels, np.int64)
    if cache is not None:
        np.savez(cache, vectors=vectors, labels=labels)
    return vectors, labels


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text under the first as a table that Markdown understands."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
