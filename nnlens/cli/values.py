"""Text from the command line into values, without evaluating anything."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import typer

MOST_IDS = 10_000_000
"""Longest range of ids: far over any data set, well under what fills the memory."""
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUOTIENT = re.compile(rf"\s*({_NUMBER})\s*(?:/\s*({_NUMBER})\s*)?")
_SIZE = re.compile(r"\s*([1-9]\d{0,4})\s*(?:[x×,]\s*([1-9]\d{0,4})\s*)?")


def number(text: str) -> float:
    """Read ``.1307``, ``1e-3`` or a quotient such as ``1/255``."""
    match = _QUOTIENT.fullmatch(text)
    if not match:
        raise typer.BadParameter(f"{text!r} is not a number; write it as 0.5, 1e-3 or 1/255")
    over = float(match[2]) if match[2] else 1.0
    if over == 0:
        raise typer.BadParameter(f"{text!r} divides by zero")
    value = float(match[1]) / over
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text!r} is too large")
    return value


def numbers(text: str) -> float | tuple[float, ...]:
    """Read one number, or several with commas between: one a channel."""
    values = tuple(number(part) for part in text.split(","))
    return values[0] if len(values) == 1 else values


def image_size(text: str) -> int | tuple[int, int]:
    """Read a side in pixels, or height and width as ``224x224``."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise typer.BadParameter(
            f"{text!r} is not a size; write a side such as 32, or height and width such as 224x160"
        )
    return (int(match[1]), int(match[2])) if match[2] else int(match[1])


def names(texts: Sequence[str] | None) -> list[str] | None:
    """Read names given with commas, in several options, or both; None where none was given."""
    if not texts:
        return None
    found = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if not found:
        raise typer.BadParameter("a name is missing; leave the option out, or give names with commas between")
    return found


def ids(text: str) -> list[int]:
    """Read sample ids: ``3,17``, ranges such as ``0-99`` (both ends included), or ``@file`` with one id a line."""
    if text.startswith("@"):
        try:
            text = ",".join(Path(text[1:]).read_text(encoding="utf-8").split())
        except OSError as error:
            raise typer.BadParameter(f"the file {text[1:]} cannot be read: {error.strerror}") from None
    found: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", part)
        if not match:
            raise typer.BadParameter(f"{part!r} is not a sample id; write 3,17 or a range such as 0-99")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MOST_IDS:
            raise typer.BadParameter(
                f"{part!r} is not a range of sample ids; write the smaller first, as in 3-9"
            )
        found.extend(range(first, last + 1))
    return found


def target(text: str) -> int | str | None:
    """Read what is explained: ``predicted``, the number of a class, or words that the Lens understands."""
    if text == "predicted":
        return None
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def whole_number(text: str) -> int:
    """Read a whole number."""
    value = number(text)
    if value != int(value):
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return int(value)
