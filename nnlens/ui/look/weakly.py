"""Calls that hold nothing: what a library keeps for long must not keep all that a page showed."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls a method for as long as there is what the method is of, and does not hold that.

    HoloViews keeps the options of a plot for as long as there is the plot. Where these hold it themselves, as a method
    of what draws it does, it never goes, and nothing of the page that it belongs to.
    """
    known = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        there = known()
        return None if there is None else there(*arguments)

    return call
