"""Importing TensorFlow without the page that its C++ part logs about the processor."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

STDERR = 2

SILENCE = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR"}
"""What the user may set otherwise: then TensorFlow logs as it likes."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what C++ writes to stderr to itself while the block runs; what Python writes, such as warnings, is shown.

    TensorFlow logs before it reads its own settings, so these alone do not help. Where the block fails, all is shown.
    """
    asked = any(os.environ.get(name, value) != value for name, value in SILENCE.items())
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)
    try:
        kept = None if asked else os.dup(STDERR)
    except OSError:  # closed
        kept = None
    if kept is None:
        yield
        return
    before = sys.stderr
    relay = _Relay(before)
    with tempfile.TemporaryFile() as log, os.fdopen(os.dup(kept), "w", buffering=1) as still_shown:
        if _leads_to_stderr(before):
            before.flush()
            relay.target = still_shown
            sys.stderr = relay
        os.dup2(log.fileno(), STDERR)
        failed = True
        try:
            yield
            failed = False
        finally:
            if failed:
                log.seek(0)
                with suppress(OSError):
                    os.write(kept, log.read())
            os.dup2(kept, STDERR)
            os.close(kept)
            relay.target = before
            sys.stderr = before


class _Relay:
    """A stream that leads to another: loggers keep for ever what was stderr when they were imported."""

    def __init__(self, target: TextIO) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


def _leads_to_stderr(stream: object) -> bool:
    try:
        return stream.fileno() == STDERR  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # none, or one of a test or a notebook
        return False
