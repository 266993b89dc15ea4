"""Names of layers: what those of a block have in common, and how a long one is shortened."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from nnlens.models.base import LayerInfo
from nnlens.ui.look.text import plain


def block_title(layers: Sequence[LayerInfo]) -> str:
    """Name a block: as the network does where its last layers bear the name, else by what all names begin with."""
    names = [layer.name for layer in layers]
    for layer in reversed(layers[-3:]):
        for own in (layer.name, *layer.aliases):
            inside = [name for name in names if name != own and name.startswith((f"{own}.", f"{own}/"))]
            if len(inside) >= len(layers) / 2:
                return own
    first, last = (words_of(name) for name in (min(names), max(names)))
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(word for word, _ in common).rstrip("._/") or layers[-1].name


def words_of(name: str) -> list[str]:
    """Cut a name behind its separators: by dots and slashes where it has some, else by underscores."""
    return re.findall(r"[^./]+[./]?" if re.search(r"[./]", name) else r"[^_]+_?", name)


def short(title: str, most: int) -> str:
    """Shorten a name of parts: the first ones to their first letter, ``layer1.0.conv1`` → ``l.0.conv1``."""
    words = words_of(plain(title))
    for at in range(len(words) - 1):
        if sum(map(len, words)) <= most:
            break
        end = words[at][-1] if words[at][-1] in "._/" else ""
        words[at] = words[at][:1] + end
    return "".join(words)
