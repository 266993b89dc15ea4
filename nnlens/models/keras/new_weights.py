"""Weights in the layout of Keras 3 (`.weights.h5`), all of them or none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nnlens.errors import ModelError
from nnlens.models.architecture import first_line

ORDER_HINT = "Is it the right architecture?"
NO_WEIGHTS = ("optimizer", "metrics", "compile")
"""Beginnings of groups that hold what training needs."""
LAYER = re.compile(r"<\w+ name=([^,>]+)")
SHOWN = 3


def fill(model: Any, path: Path, name: str) -> None:
    """Fill a network with the weights of a file.

    Keras itself says nothing of weights that are left over, such as those of a layer that the architecture lacks.

    Raises
    ------
    ModelError
        If they do not fit, naming the layers; the network is then half filled.
    """
    try:
        model.load_weights(path)
    except Exception as error:
        raise ModelError(
            f"The weights of {name} do not fit the architecture: {_in_words(error)}", ORDER_HINT
        ) from error
    stored, taken = _stored(path), int(model.count_params())
    if stored > taken:
        counts = f"it has {stored:,} and the architecture takes {taken:,}"
        raise ModelError(f"The weights of {name} do not fit the architecture: {counts}.", ORDER_HINT)


def _stored(path: Path) -> int:
    """Return how many weights a file has; states of random generators are whole numbers."""
    sizes = []

    def visit(name: str, item: Any) -> None:
        weights = isinstance(item, h5py.Dataset) and not name.startswith(NO_WEIGHTS)
        if weights and np.issubdtype(item.dtype, np.floating):
            sizes.append(int(item.size or 0))

    with h5py.File(path) as file:
        file.visititems(visit)
    return sum(sizes)


def _in_words(error: Exception) -> str:
    """Return which layers failed and why, from a message that prints whole arrays."""
    head, _, rest = str(error).partition("\n")
    layers = LAYER.findall(rest.rpartition("could not be loaded")[2]) or LAYER.findall(head)
    if not layers:
        return first_line(error)
    more = f" and {len(layers) - SHOWN} more" * (len(layers) > SHOWN)
    why = next((line for line in rest.splitlines() if line.strip()), "")
    shapes = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", why)
    if shapes:
        why = f"the architecture has {shapes[1]} where the file has {shapes[2]}"
    return f"{', '.join(layers[:SHOWN])}{more}: {why.rstrip('.')}."
