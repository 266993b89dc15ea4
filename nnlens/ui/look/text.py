"""Text that goes into the page: the one place where names become markup, and how numbers are written.

In Panel a class name such as ``<img src=x onerror=…>`` runs in HTML, Markdown, Alert, Str, card titles and
notifications. So nothing here is built with f-strings: `fill` escapes whatever it puts into a template, and a test
reads the sources of ``nnlens.ui`` for other ways.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from string import Formatter
from typing import Any

from markupsafe import Markup, escape

from nnlens.errors import NNLensError

NAME_LENGTH = 48
EMPTY_NAME = "(no name)"
TYPICAL_HINT = "The rest of the page keeps working; the server's log has the details."
PATHS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.~@+-]+){2,}")


def fill(template: str, /, **values: Any) -> Markup:
    """Put values into a template of markup; every value that is not `Markup` is escaped.

    Parameters
    ----------
    template : str
        Markup of our own with ``{name}`` places. Never a name or a message.
    **values
        What goes into the places.
    """
    parts: list[str] = []
    for literal, place, form in _pieces(template):
        parts.append(literal)
        if place is not None:
            parts.append(escape(format(values[place], form) if form else values[place]))
    return Markup("".join(parts))  # noqa: S704 - the one place that makes markup, of literals


@lru_cache(4096)
def _pieces(template: str) -> tuple[tuple[str, str | None, str | None], ...]:
    """Take a template apart, once: taking it apart each time was a tenth of what a brush costs the server."""
    return tuple((literal, place, form) for literal, place, form, _ in Formatter().parse(template))


def joined(parts: Iterable[Markup]) -> Markup:
    """Join pieces of markup."""
    return Markup("").join(parts)


def plain(value: Any, limit: int = NAME_LENGTH) -> str:
    """Make a name fit for one line: no control or direction signs, not longer than `limit`, never empty.

    For widgets that show text themselves; in markup use `name`.
    """
    return _plain(str(value), limit)


@lru_cache(8192)
def _plain(value: str, limit: int) -> str:
    text = "".join(" " if sign.isspace() else sign for sign in value[: 40 * limit] if _visible(sign))
    text = " ".join(text.split()) or EMPTY_NAME
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _visible(sign: str) -> bool:
    return (
        sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn") or sign == "\u200d"
    )


def name(value: Any, limit: int = NAME_LENGTH) -> Markup:
    """Make a name of a class, layer, file or plugin fit for markup, whatever its direction of writing."""
    return fill("<bdi>{text}</bdi>", text=plain(value, limit))


def quoted(value: Any) -> Markup:
    """Escape a text for an attribute, whole."""
    return escape(str(value))


def error_words(error: BaseException) -> tuple[str, str]:
    """Say an error in words: what failed, and what to do. No traceback, no path.

    Errors of nnlens carry their own words; of others only the kind is told.
    """
    if isinstance(error, NNLensError):
        return _without_paths(error.message), _without_paths(error.hint)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this.", "Close other programs or take fewer samples."
    return f"This did not work: {_kind(error)}.", TYPICAL_HINT


def _kind(error: BaseException) -> str:
    """Turn ``KeyError`` into "key error"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower().strip("_")


def _without_paths(text: str) -> str:
    """Keep only the last part of paths: the page may be seen by others than the one who gave them."""
    return PATHS.sub(lambda match: re.split(r"[\\/]", match.group())[-1], str(text))


def count(number: float) -> str:
    """Write a count: ``60,000``."""
    return f"{int(number):,}"


def share(number: float, digits: int = 3) -> str:
    """Write a number between −1 and 1 without its zero: ``.960``."""
    text = f"{number:.{digits}f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(number) < 1 and not text.lstrip("−").startswith("1") else text


def percent(number: float, digits: int = 2) -> str:
    """Write a share as a percentage: ``99.13 %``."""
    return "–" if number != number else f"{100 * number:.{digits}f} %"


def decimal(number: float) -> str:
    """Write a loss or a distance: ``4.198``; very small ones as powers."""
    if number != number:
        return "–"
    return f"{number:.3f}" if number == 0 or 5e-4 <= abs(number) < 1e5 else f"{number:.1e}"


def exact(number: float) -> str:
    """Write a loss so that small ones can be compared: ``4.198e+00``."""
    return "–" if number != number else f"{number:.3e}"


def seconds(number: float | None) -> str:
    """Write a time that is estimated anyway: ``about 40 s``, ``about 3 min``."""
    if number is None or number != number:
        return ""
    if number < 1:
        return "under 1 s"
    return f"about {number:.0f} s" if number < 90 else f"about {number / 60:.0f} min"


def size(number: float) -> str:
    """Write bytes: ``65 MB``."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= power:
            return f"{number / power:.3g} {unit}"
    return f"{number:.0f} bytes"
