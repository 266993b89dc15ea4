"""Compiled loops, and a few threads to run them on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function once for good; it releases the interpreter lock and keeps no threads of its own.

    numba's own threads are not used: its fallback layer ends the process when two Python threads enter it, and every
    layer hangs after a fork. `Crew` splits the rows instead, which is as fast and gives the same numbers for any
    number of threads.
    """
    options = {
        "nogil": True,
        "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
        "error_model": "numpy",
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return numba.njit(**options)(function)


class Crew:
    """A few threads that run a kernel over ranges of rows.

    Parameters
    ----------
    threads : int
        Ranges that run at a time.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def run(self, function: Callable[..., Any], rows: int, *arguments: Any) -> list[Any]:
        """Call ``function(start, stop, *arguments)`` for ranges that cover all rows; return what the calls returned."""
        if self._pool is None:
            return [function(0, rows, *arguments)]
        edges = [rows * part // self.threads for part in range(self.threads + 1)]
        calls = [
            self._pool.submit(function, edges[part], edges[part + 1], *arguments)
            for part in range(self.threads)
        ]
        return [call.result() for call in calls]

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
