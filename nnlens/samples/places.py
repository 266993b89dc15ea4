"""Where data sets lie on this machine: a folder of the user's, some caches, Debian's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "NNLENS_DATA"
DEBIAN = Path("/usr/share/datasets")


def roots() -> Iterator[Path]:
    """Yield the folders that may hold data sets, the user's own first."""
    if os.environ.get(VARIABLE):
        yield Path(os.environ[VARIABLE]).expanduser()
    yield Path.cwd() / "data"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is none
    yield home / "data"
    yield home / ".keras" / "datasets"
    yield home / ".cache" / "torchvision"
    yield DEBIAN
    yield _cache()


def downloads() -> Path:
    """Return the folder that data sets are downloaded into: the user's own, or one in the cache."""
    own = os.environ.get(VARIABLE)
    return Path(own).expanduser() if own else _cache()


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - as above
    base = Path(given) if given else home / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return base / "nnlens" / "data"


def in_words(name: str) -> str:
    """Say where `roots` looked, without naming folders that the user did not give."""
    own = f"{VARIABLE} ({os.environ[VARIABLE]})" if os.environ.get(VARIABLE) else f"{VARIABLE} (not set)"
    return (
        f"{own}, the folder data here and at home, the caches of Keras, torchvision and nnlens, and Debian's data sets"
        f" hold no {name}."
    )
