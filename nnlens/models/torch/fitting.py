"""Why weights do not fit an architecture, in words: names side by side, a head of another size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from nnlens.errors import ModelError
from nnlens.models.architecture import Architecture

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

SHOWN = 3
"""Names in a message."""
LISTED = 40
"""Lines of the table that goes with the error."""
COMPARED = 300
"""Names of one side that are compared with all of the other: each comparison takes a few microseconds."""
CLASSES = ("class", "label", "output", "out_")
"""In names of arguments that say how many classes there are."""
DASH = "–"
RIGHT = "Is it the right architecture?"


def misfit(file: Shapes, expected: Shapes, architecture: Architecture | None = None) -> ModelError | None:
    """Return the error for weights that do not fit; None where names and shapes are the same.

    Where it is shown with a traceback, or by ``--debug``, a table of what differs follows it.

    Parameters
    ----------
    file, expected : mapping of str to tuple of int
        Shapes of the weights by name, in order.
    architecture : Architecture, optional
        What was called, to say which argument to give.
    """
    missing = [name for name in expected if name not in file]
    extra = [name for name in file if name not in expected]
    if missing or extra:
        return _other_names(file, expected, missing, extra)
    differing = [name for name in expected if file[name] != expected[name]]
    if not differing:
        return None
    return _other_head(file, expected, differing, architecture) or _other_shapes(file, expected, differing)


def pairs(
    file: Shapes, expected: Shapes, missing: Sequence[str], extra: Sequence[str]
) -> list[tuple[str, str]]:
    """Pair names of the file with those of the architecture: of one shape, and the closest of these first.

    Returns
    -------
    list of (str, str)
        File, architecture; in the order of the architecture, then what is left of the file. A name without another
        stands beside an empty text.
    """
    scores = [
        (SequenceMatcher(None, theirs, own).ratio(), -place, theirs, own)
        for place, own in enumerate(missing[:COMPARED])
        for theirs in extra[:COMPARED]
        if file[theirs] == expected[own]
    ]
    found: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, theirs, own in sorted(scores, reverse=True):
        if own not in found and theirs not in taken:
            found[own] = theirs
            taken.add(theirs)
    return [(found.get(own, ""), own) for own in missing] + [
        (name, "") for name in extra if name not in taken
    ]


def _other_names(file: Shapes, expected: Shapes, missing: Sequence[str], extra: Sequence[str]) -> ModelError:
    parts = [f"{word} {_listed(names)}" for word, names in (("lack", missing), ("have also", extra)) if names]
    side_by_side = pairs(file, expected, missing, extra)
    both = [f"{theirs} | {own}" for theirs, own in side_by_side if theirs and own]
    hint = f"Of one shape are (file | architecture): {_listed(both)}." if both else RIGHT
    error = ModelError(f"The weights do not fit the architecture: they {' and '.join(parts)}.", hint)
    rows = [(_with_shape(theirs, file), _with_shape(own, expected)) for theirs, own in side_by_side[:LISTED]]
    error.add_note(_table(rows, len(side_by_side) - len(rows)))
    return error


def _other_head(
    file: Shapes, expected: Shapes, differing: Sequence[str], architecture: Architecture | None
) -> ModelError | None:
    """Say that only the last layer is of another size, where it is so."""
    head = list(expected)[-len(differing) :]
    owners = {name.rpartition(".")[0] for name in differing}
    same_inputs = all(file[name][1:] == expected[name][1:] for name in differing)
    if set(head) != set(differing) or len(owners) != 1 or not same_inputs:
        return None
    theirs, own = file[differing[0]][0], expected[differing[0]][0]
    return ModelError(
        f"The file's head has {theirs:,} outputs, the architecture's {own:,} ({owners.pop() or differing[0]}).",
        _as_many(architecture, theirs),
    )


def _as_many(architecture: Architecture | None, classes: int) -> str:
    """Say how to give an architecture another number of classes."""
    build = getattr(architecture, "build", None)
    argument = _argument(getattr(build, "func", build))
    if argument is None:
        return f"Give the architecture {classes:,} in its code: it takes no number of classes."
    place = (getattr(architecture, "spec", None) or "file.py:Net").partition("(")[0]
    return f"Give the architecture as many: {place}({argument}={classes})."


def _argument(builder: Callable[..., Any] | None) -> str | None:
    """Return the name of the argument that a builder takes the number of classes by; None where it takes none."""
    try:
        found = inspect.signature(builder).parameters if builder is not None else {}
    except (TypeError, ValueError):
        return "num_classes"
    named = next((name for word in CLASSES for name in found if word in name.lower()), None)
    others = any(each.kind is each.VAR_KEYWORD for each in found.values())
    return named or ("num_classes" if others or builder is None else None)


def _other_shapes(file: Shapes, expected: Shapes, differing: Sequence[str]) -> ModelError:
    texts = [
        f"{name} is {file[name]} in the file and {expected[name]} in the architecture" for name in differing
    ]
    error = ModelError(f"The weights do not fit the architecture: {_listed(texts)}.", "Check its sizes.")
    rows = [(_with_shape(name, file), _with_shape(name, expected)) for name in differing[:LISTED]]
    error.add_note(_table(rows, len(differing) - len(rows)))
    return error


def _with_shape(name: str, shapes: Shapes) -> str:
    return f"{name} {'×'.join(map(str, shapes[name])) or 'number'}" if name else DASH


def _table(rows: Sequence[tuple[str, str]], left: int) -> str:
    width = max(len(theirs) for theirs, _ in [*rows, ("file", "")])
    lines = [f"{theirs.ljust(width)} | {own}" for theirs, own in [("file", "architecture"), *rows]]
    return "\n".join([*lines, f"and {left} more"] if left else lines)


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
