"""Classes of a data set among the outputs of a network that knows more of them."""

from __future__ import annotations

import copy
import re

from nnlens.samples.base import Samples
from nnlens.samples.synsets import imagenet

BY_WORDS = "Classes are taken for those of ImageNet that bear their names: {pairs}."
BY_POSITION = (
    "The samples have {classes} classes and the network has {outputs} outputs: labels are taken as positions of "
    "outputs. If they are not, name the folders by synsets of WordNet (n01440764) or by words of ImageNet, or give a "
    "table with the position of the output as label."
)
SHOWN = 3


def labels_as_outputs(samples: Samples, class_count: int) -> tuple[Samples, str]:
    """Return the samples with labels that count as a network's outputs do, and what to say of it.

    Synsets are known; so are names that each are, in words, those of just one class of ImageNet.

    Parameters
    ----------
    samples : Samples
    class_count : int
        Outputs of the network.
    """
    mapped = samples.for_outputs(class_count)
    names = samples.class_names
    if mapped is not samples or class_count == len(names):
        return mapped, ""
    found = by_words(names) if class_count == len(imagenet()) else None
    if found is not None:
        known = copy.copy(samples)
        known.class_codes = found
        pairs = [f"{name} → {imagenet()[code]}" for name, code in zip(names, found, strict=True)]
        return known.for_outputs(class_count), BY_WORDS.format(
            pairs=", ".join(pairs[:SHOWN]) + " …" * (len(pairs) > SHOWN)
        )
    told = BY_POSITION.format(classes=len(names), outputs=f"{class_count:,}")
    return samples, told if len(names) < class_count else ""


def by_words(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the synset of each class of ImageNet that bears a name; None if one is none, or stands for several."""
    places: dict[str, list[str]] = {}
    for synset, words in imagenet().items():
        places.setdefault(_plain(words), []).append(synset)
    found = [places.get(_plain(name), []) for name in names]
    if not names or any(len(synsets) != 1 for synsets in found):
        return None
    codes = tuple(synsets[0] for synsets in found)
    return codes if len(set(codes)) == len(codes) else None


def _plain(name: str) -> str:
    """Return a name in small letters with single spaces: ``Golden_Retriever`` is ``golden retriever``."""
    return re.sub(r"[\W_]+", " ", name).strip().casefold()
