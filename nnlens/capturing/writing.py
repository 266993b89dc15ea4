"""Writing while computing: a thread that stores one batch of a run while the next is computed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from nnlens.store.layout import ArrayLayout
from nnlens.store.writer import StoreWriter, empty_batch

Batch = dict[str, NDArray[Any]]
BUFFERS = 2
"""One is filled while the other is written; more would only cost memory."""


class WritingError(Exception):
    """The disk is full or fails."""


class OverlappedWriter:
    """Store batches in a thread of its own, for the time of a ``with`` block.

    Leaving the block waits until everything handed over is committed.

    Parameters
    ----------
    writer : StoreWriter
        Held by the caller.
    layouts : sequence of ArrayLayout
        All arrays of the run.
    """

    def __init__(self, writer: StoreWriter, layouts: Sequence[ArrayLayout]) -> None:
        self._writer = writer
        self._free: queue.Queue[Batch] = queue.Queue()
        for _ in range(BUFFERS):
            self._free.put(empty_batch(layouts))
        self._full: queue.Queue[tuple[Batch, Mapping[str, Any]] | None] = queue.Queue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="nnlens-capture-writer")

    def __enter__(self) -> OverlappedWriter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._full.put(None)
        interrupted = self._join()
        if error is None:
            self._raise()
            if interrupted:
                raise KeyboardInterrupt

    def _join(self) -> bool:
        """Wait for the thread, also when Ctrl-C is pressed again: the lock must outlive it. Return whether it was."""
        interrupted = False
        while self._thread.is_alive():
            try:
                self._thread.join()
            except KeyboardInterrupt:
                interrupted = True
        return interrupted

    def batch(self) -> Batch:
        """Return room for the next batch, waiting until there is some.

        Raises
        ------
        WritingError
            If an earlier batch could not be written.
        """
        batch = self._free.get()
        self._raise()
        return batch

    def store(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Hand a filled batch over."""
        self._full.put((batch, facts))

    def _raise(self) -> None:
        if isinstance(self._error, OSError):  # not to be taken for one of the data set or the model
            raise WritingError(self._error.strerror or str(self._error)) from self._error
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (item := self._full.get()) is not None:
            batch, facts = item
            if self._error is None:
                try:
                    self._writer.write(batch, facts)
                except BaseException as error:  # raised again in the thread that computes
                    self._error = error
            self._free.put(batch)
