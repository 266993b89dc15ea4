"""Pictures of samples as the route serves them: encoded once, shared by all sessions of a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from nnlens.ui.look.pictures import png

Reader = Callable[[Sequence[int]], NDArray[np.uint8]]
"""Ids to images, dims (sample, y, x, channel)."""

KEPT = 4096


class ImageSource:
    """The pictures of one run.

    Parameters
    ----------
    read : callable
        Ids to images.
    """

    def __init__(self, read: Reader) -> None:
        self.read = read
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def encoded(self, sample: int) -> bytes:
        """Return a sample's picture as PNG.

        Raises
        ------
        LookupError, StoreError
            If the run has no such sample or cannot be read, as the reader tells it.
        """
        with self._lock:
            if sample in self._kept:
                self._kept.move_to_end(sample)
                return self._kept[sample]
        fresh = png(self.read([sample])[0])
        with self._lock:
            self._kept[sample] = fresh
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return fresh


class ImageSources:
    """The pictures that this process serves by run, and whether it has an address for them.

    An app script can add no route, so a bare ``panel serve apps/explorer.py`` has none; ``nnlens explore``, and
    ``panel serve --plugins nnlens.ui.routes``, have.
    """

    def __init__(self) -> None:
        self.routed = False
        self._sources: dict[str, ImageSource] = {}

    def offer(self, run: str, key: str, read: Reader) -> str | None:
        """Serve the pictures of a run, and return the address that they lie under; None without a route.

        Parameters
        ----------
        run : str
            Name of the run.
        key : str
            Changes when the run's content does, so that a browser never shows what it kept of another run.
        read : callable
            Ids to images.
        """
        if not self.routed:
            return None
        place = f"{run}@{key.replace('/', '-')[:16]}"
        self._sources.setdefault(place, ImageSource(read)).read = read  # a run that grew has a new reader
        return f"image/{quote(place, safe='@')}"

    def find(self, place: str) -> ImageSource | None:
        """Return the pictures that lie under an address."""
        return self._sources.get(place)


SOURCES = ImageSources()
