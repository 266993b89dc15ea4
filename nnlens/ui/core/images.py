"""Pictures of samples as the route serves them: encoded once, shared by all sessions of a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import NNLensError
from nnlens.ui.look.pictures import encoded, png

Reader = Callable[[Sequence[int]], NDArray[np.uint8]]
"""Ids to images, dims (sample, y, x, channel)."""
Form = Literal["", "full", "seen"]
"""How a picture is served: as the run holds it, at its true pixels, as it went into the network."""
Forms = Mapping[Form, Callable[[int], NDArray[np.uint8]]]
"""Readers of one sample's picture, dims (y, x, channel), in other forms than that of the run."""

KEPT = 4096
KEPT_LARGE = 64
"""Pictures in other forms that are kept: each may be some hundred kilobytes."""


@dataclass(frozen=True)
class Encoded:
    """A picture as a file.

    Attributes
    ----------
    content : bytes
    kind : str
        Its media type.
    lasting : bool
        Whether it will always be this one: not where the run's own stands in for what is not at hand.
    """

    content: bytes
    kind: str = "image/png"
    lasting: bool = True


class ImageSource:
    """The pictures of one run.

    Parameters
    ----------
    read : callable
        Ids to images.
    forms : mapping of str to callable, optional
        What reads the other forms.
    """

    def __init__(self, read: Reader, forms: Forms | None = None) -> None:
        self.read = read
        self.forms: Forms = dict(forms or {})
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._large: OrderedDict[tuple[Form, int], Encoded] = OrderedDict()
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

    def formed(self, sample: int, form: Form) -> Encoded:
        """Return a sample's picture in another form; as the run holds it where that cannot be had.

        Raises
        ------
        LookupError, StoreError
            As of `encoded`.
        """
        if form not in self.forms:
            return Encoded(self.encoded(sample), lasting=not form)
        with self._lock:
            if (form, sample) in self._large:
                self._large.move_to_end((form, sample))
                return self._large[form, sample]
        try:
            content, kind = encoded(self.forms[form](sample))
        except NNLensError:
            return Encoded(self.encoded(sample), lasting=False)
        with self._lock:
            fresh = self._large[form, sample] = Encoded(content, kind)
            while len(self._large) > KEPT_LARGE:
                self._large.popitem(last=False)
        return fresh


class ImageSources:
    """The pictures that this process serves by run, and whether it has an address for them.

    An app script can add no route, so a bare ``panel serve apps/explorer.py`` has none; ``nnlens explore``, and
    ``panel serve --plugins nnlens.ui.routes``, have.
    """

    def __init__(self) -> None:
        self.routed = False
        self._sources: dict[str, ImageSource] = {}

    def offer(self, run: str, key: str, read: Reader, forms: Forms | None = None) -> str | None:
        """Serve the pictures of a run, and return the address that they lie under; None without a route.

        Parameters
        ----------
        run : str
            Name of the run.
        key : str
            Changes when the run's content does, so that a browser never shows what it kept of another run.
        read : callable
            Ids to images.
        forms : mapping of str to callable, optional
            What reads the other forms.
        """
        if not self.routed:
            return None
        place = f"{run}@{key.replace('/', '-')[:16]}"
        source = self._sources.setdefault(place, ImageSource(read))
        source.read, source.forms = read, forms or source.forms  # a run that grew has a new reader
        return f"image/{quote(place, safe='@')}"

    def find(self, place: str) -> ImageSource | None:
        """Return the pictures that lie under an address."""
        return self._sources.get(place)


SOURCES = ImageSources()
