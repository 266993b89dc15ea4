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
    interval: float | None = None,
    seen: Callable[[], object] = lambda: "",
) -> T:
    """Poll until a condition holds.

    Parameters
    ----------
    condition : callable
        Returns something true when it holds. Where it raises, it does not hold yet: what it reads is being drawn anew.
        An `AssertionError` of its own ends the waiting.
    timeout : float
        Seconds after which it has failed.
    what : str
        What is waited for, for the message.
    interval : float, optional
        Seconds between two looks; from 1/100 up to 1/10 if not given, for a look takes time from what is waited for.
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
    pause, failed = interval or 0.01, None
    while True:
        try:
            found, failed = condition(), None
        except AssertionError:
            raise
        except Exception as error:  # whatever it is: told when the time is over
            failed = error
        else:
            if found:
                return found
        if time.monotonic() > end:
            raise AssertionError(
                f"{what or 'the condition'} did not come true in {timeout:g} s; {seen()}"
            ) from failed
        time.sleep(pause)
        pause = interval or min(1.2 * pause, 0.1)
