"""Telling data set objects by their shape, and reading each as suits it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError
from nnlens.samples.base import Samples, check_limit, drawn
from nnlens.samples.folder import SPLIT_FOLDERS
from nnlens.samples.live.indexed import Indexed, walk
from nnlens.samples.live.items import Columns, find_columns
from nnlens.samples.live.labels import Label, numbered
from nnlens.samples.live.stream import Length, Stream
from nnlens.samples.naming import listed
from nnlens.samples.pictures import shown_names
from nnlens.samples.pixels import Pixels
from nnlens.samples.progress import Progress

WRAPPED = 8
"""Data sets around data sets that are looked through for the names of classes."""
KNOWN = "Give a Dataset of Hugging Face or torch, a DataLoader, tf.data, a Keras PyDataset, or (iterable, length)."


class OrderWarning(UserWarning):
    """A data set was read in another order than the one that it was asked to give its samples in."""


class Loader(Protocol):
    """What is needed of a torch DataLoader."""

    dataset: Any
    sampler: Any
    batch_sampler: Any


def is_live(source: object) -> bool:
    """Whether something is to be read as a data set object, and not as arrays."""
    if isinstance(source, tuple):
        return len(source) == 2 and _is_count(source[1]) and not _is_array(source[0])
    return not _is_array(source)


def read_live(
    source: Any, split: str, limit: int | None, seed: int | None, progress: Progress | None = None
) -> Samples:
    """Read a data set object; ids are positions in it.

    Parameters
    ----------
    source : object
        See `load_samples`.
    split : str
        What to call it, where it does not say so itself.
    limit, seed : int, optional
        As `Samples.take` takes them: the others are not read where that can be avoided.
    progress : callable, optional

    Raises
    ------
    SamplesError
        If it is no data set, or holds no images, or normalized ones.
    """
    check_limit(limit, seed)
    if isinstance(source, tuple):
        return _streamed(source[0], Length(int(source[1]), of_samples=True), split, limit, seed, progress)
    if all(hasattr(source, name) for name in ("dataset", "batch_sampler", "collate_fn")):
        return _of_loader(source, split, limit, seed, progress)
    if hasattr(source, "__getitem__") and hasattr(source, "__len__") and not _is_iterable_only(source):
        return _of_indexed(source, split, limit, seed, progress)
    if hasattr(source, "__iter__") or hasattr(source, "__next__"):
        length = Length(_length(source), of_samples=False)
        return _streamed(source, length, split, limit, seed, progress)
    raise SamplesError(f"A {type(source).__name__} is no data set.", KNOWN)


def _of_loader(
    loader: Loader, split: str, limit: int | None, seed: int | None, progress: Progress | None
) -> Samples:
    """Read the data set of a DataLoader in its own order, so that ids are positions in it."""
    if _is_iterable_only(loader.dataset):
        length = Length(_length(loader), of_samples=False)
        return _streamed(loader, length, split, limit, seed, progress)
    names = type(loader.sampler).__name__, type(loader.batch_sampler).__name__
    if names[0] != "SequentialSampler" or names[1] not in ("BatchSampler", "NoneType"):
        warnings.warn(
            "The DataLoader has an order of its own, as with shuffle=True: its data set is read in order instead, so "
            "that a sample's id is its position in the data set.",
            OrderWarning,
            stacklevel=4,
        )
    chosen = getattr(loader.sampler, "indices", None)  # of SubsetRandomSampler
    places = None if chosen is None else np.unique(np.asarray(chosen, np.int64))
    return _of_indexed(loader.dataset, split, limit, seed, progress, places)


def _of_indexed(
    source: Any,
    split: str,
    limit: int | None,
    seed: int | None,
    progress: Progress | None,
    among: NDArray[np.int64] | None = None,
) -> Samples:
    """Read a data set that gives samples, or batches as Keras' do, by place."""
    batched = hasattr(source, "on_epoch_end")
    if getattr(source, "shuffle", False) is True:
        raise SamplesError(
            f"The {type(source).__name__} shuffles its samples: their positions mean nothing.",
            "Make it with shuffle=False.",
        )
    places = np.arange(len(source)) if among is None else among
    if not len(places):
        raise SamplesError(f"The {type(source).__name__} has no samples.", "Give at least one.")
    if not batched and limit is not None and limit < len(places):
        places = places[:limit] if seed is None else places[drawn(len(places), limit, seed)]
    end = limit if batched and seed is None else None
    data = Indexed(source.__getitem__, batched, _columns(source))
    found, pixels = walk(data, places.tolist(), end, progress)
    return _samples(source, pixels, found.labels, np.array(found.ids, np.int64), split)


def _streamed(
    source: Any, length: Length, split: str, limit: int | None, seed: int | None, progress: Progress | None
) -> Samples:
    if length.count < 1:
        raise SamplesError(f"A data set of length {length.count} has no samples.", "Give at least one.")
    pixels, labels, ids = Stream(source, length, _columns(source)).read(limit, seed, progress)
    return _samples(source, pixels, labels, ids, split)


def _samples(
    source: Any,
    pixels: Pixels | NDArray[np.uint8],
    labels: Sequence[Label],
    ids: NDArray[np.int64],
    split: str,
) -> Samples:
    numbers, names = numbered(labels, _class_names(source))
    shown, codes = shown_names(names)
    own = getattr(source, "split", None)  # what Hugging Face calls it
    return Samples(
        pixels,
        numbers,
        ids=ids,
        class_names=shown,
        class_codes=codes,
        split=split if own is None or callable(own) else str(own),
        name=_title(source),
    )


def part_of(parts: Mapping[Any, Any], split: str) -> Any:
    """Return one of several data sets by the name of its split.

    Raises
    ------
    SamplesError
        If there is none of that name.
    """
    for wanted in (split, *SPLIT_FOLDERS.get(split, ())):
        if wanted in parts:
            return parts[wanted]
    raise SamplesError(
        f"The data set has no split {split!r}.", f"Its splits are {listed([*parts])}: give split=…."
    )


def _columns(source: Any) -> Columns | None:
    """Return where samples are by name, if the data set tells before any is read."""
    features = getattr(source, "features", None)
    if not isinstance(features, Mapping):
        return None
    return find_columns(list(features), features)


def _class_names(source: Any) -> list[str] | None:
    """Return the names of the classes, of the data set or of the one that it wraps."""
    for _ in range(WRAPPED):
        features = getattr(source, "features", None)
        if isinstance(features, Mapping):
            label = find_columns(list(features), features).label
            names = getattr(features.get(label), "names", None)
            return None if names is None else list(names)
        found = _named(source)
        if found is not None:
            return found
        several = getattr(source, "datasets", None)  # of ConcatDataset
        source = several[0] if isinstance(several, Sequence) and several else getattr(source, "dataset", None)
    return None


def _named(source: Any) -> list[str] | None:
    indices = getattr(source, "class_indices", None)  # name → label, of Keras' older iterators
    if isinstance(indices, Mapping):
        return sorted(map(str, indices), key=lambda name: indices[name])
    for attribute in ("class_names", "classes"):
        names = getattr(source, attribute, None)
        if isinstance(names, list | tuple) and names:
            # torchvision's ImageNet names a class by several words
            return [str(name[0] if isinstance(name, tuple) and name else name) for name in names]
    return None


def _title(source: Any) -> str:
    named = getattr(getattr(source, "info", None), "dataset_name", None)
    inner = getattr(source, "dataset", source)
    kind = type(inner).__name__
    plain = kind.startswith("_") or kind in ("Dataset", "generator", "list", "TensorDataset", "Subset")
    return str(named or ("samples" if plain else kind))


def _length(source: Any) -> int:
    """Return the number of items that a data set says it has."""
    try:
        return len(source)
    except TypeError:  # has none, or does not know it
        told = getattr(source, "cardinality", None)
        count = int(told() if callable(told) else told) if told is not None else -1
    if count < 0:
        raise SamplesError(
            f"A {type(source).__name__} does not say how many samples it has.",
            "Give it with their number: load_samples((data, 60000)).",
        )
    return count


def _is_iterable_only(source: Any) -> bool:
    """Whether a data set has no places though torch's base class makes it look so."""
    return not hasattr(source, "__getitem__") or any(
        each.__name__ == "IterableDataset" for each in type(source).__mro__
    )


def _is_array(source: object) -> bool:
    return hasattr(source, "shape") and hasattr(source, "dtype")


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
