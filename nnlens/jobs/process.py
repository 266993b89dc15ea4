"""A worker process as seen from the process that started it."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

import nnlens
from nnlens.errors import JobError
from nnlens.jobs.wire import Lines, Message, encode

CHILDREN_EVERY = 0.5
"""Seconds between two looks for children: finding them means reading the whole process table."""
PREFIX = "nnlens-job-"
TAIL = 4000
"""Bytes of what a worker printed that are kept for the log."""
_SIGNALS = {
    "SIGSEGV": "a memory fault",
    "SIGBUS": "a memory fault",
    "SIGABRT": "it aborted itself",
    "SIGFPE": "an arithmetic fault",
    "SIGILL": "an instruction that this processor does not know",
    "SIGKILL": "it was killed, mostly because the system ran out of memory",
    "SIGTERM": "it was told to end",
}


class WorkerProcess:
    """Starts ``nnlens.jobs.worker`` in a process group of its own and talks with it.

    Parameters
    ----------
    nice : int
        How far it stands back for other processes when the processor is short.

    Attributes
    ----------
    folder : Path
        For files that come back; gone when the worker is.
    served : int
        Requests that were sent.
    """

    def __init__(self, nice: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.served = 0
        self.tail = b""
        self._lines = Lines()
        self._lock = threading.Lock()
        self._killed = self._closed = False
        self._answers, answers_end = os.pipe()
        life_end, self._lifeline = os.pipe()
        self._output, output_end = os.pipe()
        try:
            self._process = self._start(answers_end, life_end, output_end, nice)
        finally:
            for descriptor in (answers_end, life_end, output_end):
                os.close(descriptor)
        self._watched = psutil.Process(self._process.pid)
        self._children: list[psutil.Process] = []
        self._looked = 0.0
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._answers, self._output):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def _start(self, answers: int, life: int, output: int, nice: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-X", "faulthandler", "-m", "nnlens.jobs.worker"]
        # where nnlens lies, for it may be a checkout that is not installed
        places = [str(Path(nnlens.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            [*command, str(answers), str(life), str(os.getpid()), str(nice)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(answers, life),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(place for place in places if place)},
        )

    @property
    def pid(self) -> int:
        """The worker's process id, which is also that of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self._killed and self._process.poll() is None

    def request(self, task: str, arguments: dict[str, Any]) -> None:
        """Ask for work.

        Parameters
        ----------
        task : str
            ``module:function``.
        arguments : dict
            Plain data.

        Raises
        ------
        JobError
            If the worker is gone.
        """
        self.served += 1
        message = {
            "task": task,
            "number": self.served,
            "arguments": arguments,
            "folder": str(self.folder),
            "path": sys.path,
        }
        self._send(message)

    def stop(self) -> None:
        """Ask for the best so far."""
        with suppress(JobError):
            self._send({"stop": True})

    def cancel(self) -> None:
        """Tell that nobody wants the result of the request any more."""
        with suppress(JobError):
            self._send({"cancel": self.served})

    def _send(self, message: Message) -> None:
        with self._lock:
            try:
                if self._closed or self._process.stdin is None:
                    raise BrokenPipeError
                self._process.stdin.write(encode(message))
                self._process.stdin.flush()
            except (OSError, ValueError) as error:
                raise JobError("The worker process is gone.", "Try again.") from error

    def messages(self, tick: float) -> Iterator[Message | None]:
        """Yield what the worker says, and None at least every `tick` seconds, until its pipe closes."""
        while True:
            ready = {key.fd for key, _ in self._selector.select(tick)}
            if self._output in ready:
                self._drain()
            if self._answers in ready:
                piece = os.read(self._answers, 1 << 16)
                if not piece:
                    return
                yield from self._lines.feed(piece)
            yield None

    def _drain(self) -> None:
        # without this a worker that prints much would wait forever for room in the pipe
        piece = os.read(self._output, 1 << 16)
        self.tail = (self.tail + piece)[-TAIL:]
        if not piece:
            self._selector.unregister(self._output)

    def memory(self) -> int:
        """Resident bytes of the worker and its children."""
        now = time.monotonic()
        if now - self._looked > CHILDREN_EVERY:
            self._looked = now
            with suppress(psutil.Error):
                self._children = self._watched.children(recursive=True)
        return sum(_resident(process) for process in [self._watched, *self._children])

    def ending(self) -> str:
        """Say in words how the process ended."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its pipe and went on"
        if code >= 0:
            return f"it ended with exit code {code} and without a result"
        try:
            number = signal.Signals(-code)
        except ValueError:
            return f"signal {-code}"
        return f"{_SIGNALS.get(number.name, 'a signal')} ({number.name})"

    def kill(self) -> None:
        """End the worker and all that it started, from any thread; harmless when it is gone."""
        self._killed = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the worker and give back what it held; for the one thread that reads its messages."""
        self.kill()
        self._process.wait()
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._selector.close()
            if self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()
            for descriptor in (self._answers, self._output, self._lifeline):
                os.close(descriptor)
        shutil.rmtree(self.folder, ignore_errors=True)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def sweep() -> None:
    """Remove the folders of workers whose parent was killed and so could not."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
