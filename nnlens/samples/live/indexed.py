"""Data sets that give any sample, or any batch, by its place: pictures are read again when they are needed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.files import Cache
from nnlens.samples.live.items import Columns, failed, split_item
from nnlens.samples.live.labels import Label, read_labels
from nnlens.samples.live.values import Forms
from nnlens.samples.pixels import Images, Positions, in_channels
from nnlens.samples.progress import Progress, Ticker

if TYPE_CHECKING:
    from hashlib import _Hash

TRIED = 8
"""Places that are read twice, to find data sets that give something else each time."""
UNSTEADY = (
    "The data set gives other pixels each time it is read.",
    "Leave random augmentation and shuffling out of it.",
)


@dataclass(frozen=True)
class Indexed:
    """A data set by place.

    Attributes
    ----------
    get : callable
        Place → sample or batch, as the data set gives it.
    batched : bool
    columns : Columns or None
        Where samples come by name.
    forms : Forms
    """

    get: Callable[[int], Any]
    batched: bool = False
    columns: Columns | None = None
    forms: Forms = field(default_factory=Forms)

    def read(self, place: int) -> tuple[list[NDArray[np.uint8]], list[Label]]:
        """Return the pictures at a place, dims (y, x, channel) each, and their labels.

        Raises
        ------
        SamplesError
            If they are no pictures or labels, or the data set fails; it names the place.
        OSError
            If one sample alone cannot be opened: it is left out.
        """
        try:
            image, label = split_item(self.get(place), self.columns)
            pictures = self.forms.batch(image) if self.batched else [self.forms.single(image)]
            # copies: data sets may give one buffer again and again
            return [each.copy() for each in pictures], read_labels(label, len(pictures), self.batched)
        except Exception as error:  # code of the data set's own, which can fail in any way
            if isinstance(error, OSError) and not self.batched:
                raise
            raise failed(f"{'Batch' if self.batched else 'Sample'} {place}", error) from error


@dataclass
class Found:
    """What a walk over a data set has found; one entry a sample.

    Attributes
    ----------
    ids : list of int
    places : list of tuple of int
        Place, and which at that place.
    shapes : list of tuple of int
        (y, x, channel).
    digests : list of bytes
        SHA-256 of each picture.
    labels : list of int or str
    broken : dict of str to str
        Sample → what is wrong with it.
    """

    ids: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def add(self, place: int, pictures: Sequence[NDArray[np.uint8]], labels: Sequence[Label]) -> None:
        """Add what lies at a place."""
        self.places += [(place, offset) for offset in range(len(pictures))]
        self.shapes += [picture.shape for picture in pictures]
        self.digests += [digest_of(picture) for picture in pictures]
        self.labels += labels


def digest_of(picture: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of a picture and its shape."""
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.digest()


def walk(
    data: Indexed, places: Sequence[int], limit: int | None, progress: Progress | None
) -> tuple[Found, LivePixels]:
    """Read all of a data set once, to know labels, sizes and what tells it from others; small pictures stay.

    Parameters
    ----------
    data : Indexed
    places : sequence of int
    limit : int or None
        Samples after which to end.
    progress : callable, optional

    Raises
    ------
    SamplesError
        If a sample is none, all are broken, or they are others each time.
    """
    found, cache, tick = Found(), Cache(), Ticker(progress, "reading the data set")
    for done, place in enumerate(places, 1):
        try:
            pictures, labels = data.read(place)
        except OSError:
            found.broken[f"sample {place}"] = "cannot be opened"
            continue
        found.add(place, pictures, labels)
        found.ids += range(len(found.ids), len(found.places)) if data.batched else [place]
        for offset, picture in enumerate(pictures):
            cache.put((place, offset), picture)
        tick(done, len(places))
        if limit is not None and len(found.ids) >= limit:
            break
    if not found.ids:
        raise SamplesError(
            f"None of {len(places):,} samples can be opened.", "Read one of them alone, outside nnlens."
        )
    pixels = LivePixels(data, found, np.arange(len(found.ids)), cache)
    pixels.check_steady()
    return found, pixels


class LivePixels:
    """Pictures that a data set gives when they are needed; as many as fit are kept.

    Parameters
    ----------
    data : Indexed
    found : Found
        All that there are.
    which : array of int
        The entries of `found` that these are.
    cache : Cache
    """

    def __init__(self, data: Indexed, found: Found, which: NDArray[np.int64], cache: Cache) -> None:
        self._data, self._found, self._which, self._cache = data, found, which, cache
        self._lock = threading.RLock()  # nobody knows whether the data set can be read by several threads
        self.broken = found.broken
        self.paths: tuple[str, ...] | None = None
        self.channels: int = max(shape[2] for shape in found.shapes)
        sizes = {shape[:2] for shape in found.shapes}
        y, x = next(iter(sizes))
        self.image_shape: tuple[int, int, int] | None = (y, x, self.channels) if len(sizes) == 1 else None

    def __len__(self) -> int:
        return len(self._which)

    def read(self, positions: Positions) -> Images:
        """Read pictures by position; a list where not all of the data set have one size.

        Raises
        ------
        SamplesError
            If the data set fails, or gives other pixels than before.
        """
        entries = np.atleast_1d(self._which[positions]).tolist()
        with self._lock:
            pictures = [in_channels(self._picture(entry), self.channels) for entry in entries]
        return pictures if self.image_shape is None else np.stack(pictures)

    def part(self, part: Positions) -> LivePixels:
        """Return some of them; they share what is kept."""
        return LivePixels(self._data, self._found, self._which[part], self._cache)

    def update(self, digest: _Hash) -> None:
        """Add the digests of all pictures to a digest."""
        digest.update(str(self.channels).encode())
        for entry in self._which.tolist():
            digest.update(self._found.digests[entry])

    def check_steady(self) -> None:
        """Read some places again.

        Raises
        ------
        SamplesError
            If the data set gives something else than before.
        """
        for entry in np.unique(np.linspace(0, len(self) - 1, TRIED).astype(int)).tolist():
            self._load(entry)

    def _picture(self, entry: int) -> NDArray[np.uint8]:
        kept = self._cache.get(self._found.places[entry])
        return self._load(entry) if kept is None else kept

    def _load(self, entry: int) -> NDArray[np.uint8]:
        place, offset = self._found.places[entry]
        try:
            pictures, _ = self._data.read(place)
        except OSError as error:
            raise failed(f"Sample {place}", error) from error
        first = entry - offset
        if offset >= len(pictures):
            raise SamplesError(*UNSTEADY)
        for near, picture in enumerate(pictures):
            if first + near < len(self._found.digests):
                if self._found.digests[first + near] != digest_of(picture):
                    raise SamplesError(*UNSTEADY)
                self._cache.put((place, near), picture)
        return pictures[offset]
