"""Wait for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    timeout: float = 60.0,
    what: str = "",
    interval: float = 0.01,
    seen: Callable[[], object] = lambda: "",
) -> T:
    """Poll until a condition holds.

    Parameters
    ----------
    condition : callable
        Returns something true when it holds.
    timeout : float
        Seconds after which it has failed.
    what : str
        What is waited for, for the message.
    interval : float
        Seconds between two looks.
    seen : callable
        Tells what is there instead, for the message.

    Returns
    -------
    What the condition returned.

    Raises
    ------
    AssertionError
        If it does not hold in time.
    """
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what or 'the condition'} did not come true in {timeout:g} s; {seen()}")
        time.sleep(interval)
