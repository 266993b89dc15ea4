"""What one item of a data set holds: images, and labels if any, by place or by name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnlens.errors import NNLensError, SamplesError
from nnlens.samples.naming import listed

IMAGES = ("image", "images", "img", "picture", "pixel_values", "pixels", "x")
LABELS = ("label", "labels", "fine_label", "class", "target", "targets", "category", "y")
PLAIN = (int, float, str, bytes)


@dataclass(frozen=True)
class Columns:
    """Names under which items hold their image and label.

    Attributes
    ----------
    image : str
    label : str or None
    """

    image: str
    label: str | None


def find_columns(names: Sequence[str], features: Mapping[str, Any] | None = None) -> Columns:
    """Find the columns of images and labels: by what they are where that is told, else by their names.

    Parameters
    ----------
    names : sequence of str
    features : mapping, optional
        Column → object whose type is called ``Image`` or ``ClassLabel``, as Hugging Face tells them.

    Raises
    ------
    SamplesError
        If there is no column of images; it names those that there are.
    """
    image = _find(names, IMAGES, features, "Image")
    if image is None:
        raise SamplesError(
            f"The data set has no column of images, only {listed(names)}.",
            "Call it image, and that of labels label: data.rename_column(…).",
        )
    return Columns(image, _find(names, LABELS, features, "ClassLabel"))


def _find(
    names: Sequence[str], known: Sequence[str], features: Mapping[str, Any] | None, kind: str
) -> str | None:
    """Return the column of a kind, the best known one where there are several; else the one of a known name."""
    named = [name for wanted in known for name in names if name.lower() == wanted]
    fitting = [name for name in names if type((features or {}).get(name)).__name__ == kind]
    return next((name for name in named if name in fitting), next(iter([*fitting, *named]), None))


def split_item(item: Any, columns: Columns | None = None) -> tuple[Any, Any]:
    """Return the image and the label, or images and labels, of an item; None for no label.

    Raises
    ------
    SamplesError
        If it holds none.
    """
    if isinstance(item, Mapping):
        found = columns or find_columns([str(name) for name in item])
        return item[found.image], None if found.label is None else item.get(found.label)
    if not isinstance(item, tuple | list):
        return item, None
    if not item or isinstance(item[0], PLAIN):
        raise SamplesError(
            f"A sample is a {type(item).__name__} that does not begin with an image.", "Give (image, label)."
        )
    return item[0], item[1] if len(item) > 1 else None


def failed(what: str, error: Exception) -> SamplesError:
    """Return the error that names the sample for which a data set's own code, or reading what it gives, failed."""
    if isinstance(error, NNLensError):
        return SamplesError(f"{what}: {error}")
    told = " ".join(str(error).split())[:200]
    told = "" if os.sep in told else told  # a path, which stays with who has it
    return SamplesError(
        f"{what} cannot be read: {type(error).__name__}{f': {told}' if told else ''}.",
        "The data set itself fails there: read it alone, outside nnlens.",
    )
