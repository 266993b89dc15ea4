"""The process that does the work: ``python -m nnlens.jobs.worker ANSWERS LIFELINE PARENT NICE``.

It takes requests as JSON lines from stdin and answers on a pipe of its own, because libraries print to stdout. It
ends with the process that started it, whatever it is doing then: see `hold_lifeline`.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from nnlens.errors import JobCancelledError, NNLensError
from nnlens.jobs.reporting import Pace, Report
from nnlens.jobs.wire import MARK, Lines, Message, encode, write_dataset
from nnlens.registry.vetting import one_line

WARM = ("numpy", "pandas", "xarray", "zarr", "sklearn.decomposition", "nnlens.lens.tasks")
"""Imported while waiting for work: with these a job starts in milliseconds instead of 1.2 s."""
PROGRESS_EVERY = 0.1
PARTIAL_EVERY = 0.5
"""Least seconds between two messages of a kind."""

TaskFunction = Callable[[dict[str, Any], "PipeReport"], Message]


class Answers:
    """The pipe to the process that asked; threads of an analysis may write too."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # a grandchild that held it would hide this process' end
        self._file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message whole."""
        data = encode(message)
        with self._lock:
            while data:
                data = data[self._file.write(data) :]


class PipeReport(Report):
    """Reports through the pipe, thinned out.

    Parameters
    ----------
    answers : Answers
    folder : Path
        For the files of partial pictures and of results that are not kept.
    """

    def __init__(self, answers: Answers, folder: Path) -> None:
        self.folder = folder
        self.stop, self.leave = threading.Event(), threading.Event()
        self._answers = answers
        self._progress, self._partial = Pace(PROGRESS_EVERY), Pace(PARTIAL_EVERY)
        self._pictures = 0

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell that `done` of `total` is done, at most ten times a second.

        Raises
        ------
        JobCancelledError
            If nobody wants the result any more: for an analysis that does not ask `cancelled`.
        """
        if self.cancelled:
            raise JobCancelledError("Nobody wants the result any more.")
        if self._progress.allows():
            self._answers.send(
                {"type": "progress", "done": float(done), "total": float(total), "message": str(message)}
            )

    def partial(self, dataset: Any) -> None:
        """Show a picture, at most twice a second."""
        if not self._partial.allows():
            return
        self._pictures += 1
        path = self.folder / f"partial{self._pictures}.npz"
        write_dataset(path, dataset)
        self._answers.send({"type": "partial", "file": str(path)})

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return self.leave.is_set()

    @property
    def stopping(self) -> bool:
        """Whether the best so far is wanted now."""
        return self.stop.is_set()


class Worker:
    """Serves requests one after the other.

    Parameters
    ----------
    answers : Answers
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._report: PipeReport | None = None
        self._number = self._left = 0

    def listen(self) -> None:
        """Read requests in a thread of their own, so that a stop and the end of stdin are heard during work."""
        lines = Lines()
        while piece := os.read(sys.stdin.fileno(), 1 << 16):
            for message in lines.feed(piece):
                if "stop" in message:
                    self._stop()
                elif "cancel" in message:
                    self._cancel(message["cancel"])
                else:
                    self._requests.put(message)
        end_group()

    def warm(self) -> None:
        """Import what nearly every job needs, while there is nothing to do."""
        for module in WARM:
            if self._requests.empty():
                importlib.import_module(module)

    def serve(self) -> None:
        """Work until the process is ended from outside."""
        self._answers.send({"type": "ready"})
        while True:
            request = self._requests.get()
            self._number, self._report = request["number"], PipeReport(self._answers, Path(request["folder"]))
            if self._left == self._number:  # taken back before it was begun
                self._report.leave.set()
            self._answers.send(attend(request, self._report))

    def _stop(self) -> None:
        if self._report is not None:
            self._report.stop.set()

    def _cancel(self, number: int) -> None:
        """Leave a request; one that was answered meanwhile is left alone, and so is the next."""
        self._left = number
        if self._report is not None and number == self._number:
            self._report.leave.set()


def attend(request: Message, report: PipeReport) -> Message:
    """Run the function that a request names, and say how it ended; nothing that it raises ends the worker."""
    try:
        sys.path[:] = request["path"]
        return {"type": "done", "payload": find_task(request["task"])(request["arguments"], report)}
    except NNLensError as error:
        return _failure(error.message, error.hint)
    except MemoryError:
        return _failure("There was not enough memory.", "Choose fewer samples or a smaller layer.")
    except SystemExit as error:
        return _failure(
            f"The analysis called sys.exit({error.code!r}).", "Its author must raise an error instead."
        )
    except BaseException as error:  # whatever a stranger's code raises becomes words
        return _failure(f"{one_line(error)}.", "This is a fault in the analysis; the log has the details.")


def _failure(message: str, hint: str) -> Message:
    return {"type": "error", "message": message, "hint": hint, "trace": traceback.format_exc()}


def find_task(name: str) -> TaskFunction:
    """Return the function that ``module:function`` names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def hold_lifeline(descriptor: int, parent: int) -> None:
    """End this process and its children at once when the other end of a pipe closes, also in the middle of native code.

    The kernel sends SIGIO to the process group when the last writer of the pipe is gone, and nobody handles it: a
    thread that waits for the end of stdin would need Python's lock, which some native code holds for minutes.
    """
    os.set_inheritable(descriptor, False)
    with suppress(OSError, AttributeError):  # not on every system: there the end of stdin must do
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
    if os.getppid() != parent:  # it was gone before there was a lifeline
        end_group()


def end_group() -> None:
    """End this process with all that it started."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def offer_to_the_system() -> None:
    """Ask Linux to end this process before others, such as the server that asked, when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def main(arguments: list[str]) -> None:
    """Serve until the process that started this one ends."""
    answers = Answers(int(arguments[0]))
    hold_lifeline(int(arguments[1]), int(arguments[2]))
    os.environ[MARK] = "1"
    os.nice(int(arguments[3]))
    offer_to_the_system()
    worker = Worker(answers)
    threading.Thread(target=worker.listen, daemon=True, name="nnlens-listen").start()
    worker.warm()
    worker.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
