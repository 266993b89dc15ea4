"""Captions: what a result was really made from, in a few words."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``60,000 samples``, ``1 sample``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def caption(*parts: str) -> str:
    """Join the parts that say something with middle dots."""
    return " · ".join(part for part in parts if part)


def samples_used(used: int, left_out: int) -> str:
    """Say how many samples a result is made of and how many had values that are not finite."""
    return f"{count(used, 'sample')} · {left_out:,} left out"
