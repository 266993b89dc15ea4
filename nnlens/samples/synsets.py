"""The 1,000 classes of ImageNet: data sets name their folders by synsets of WordNet, networks count them in that order.

Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 115, 2015; names are the first of each
synset in WordNet 3.0 (Princeton University, 2006).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

FORM = re.compile(r"n\d{8}")
"""How WordNet numbers a noun."""


@cache
def imagenet() -> dict[str, str]:
    """Return the name of every class by its synset, in the order in which networks count them."""
    text = files("nnlens.samples").joinpath("synsets.tsv").read_text("utf-8")
    return dict(line.split("\t") for line in text.splitlines())


def are_synsets(names: Sequence[str]) -> bool:
    """Whether all of some names are synsets among the 1,000 classes; the table is read only if they look like it."""
    return bool(names) and all(FORM.fullmatch(name) for name in names) and set(names) <= set(imagenet())
