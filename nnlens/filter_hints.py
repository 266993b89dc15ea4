"""Why a filter has no result: the part that is just too strict, and a bound that is not."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.filtering import Columns, Names, Reader, parse, shortened, source


@dataclass(frozen=True)
class EmptyHint:
    """Why a filter has no result, and a filter that has one.

    Attributes
    ----------
    reason : str
        One sentence, such as "The largest loss among the 9s is 6.84."
    suggestion : str
        A filter text that selects at least one sample; empty where none is known.
    """

    reason: str
    suggestion: str = ""


def explain_empty(text: str, columns: Columns, names: Names | None = None) -> EmptyHint:
    """Say why no sample matches, from the part of the filter that is just too strict.

    Parameters
    ----------
    text : str
        A filter that `select_where` could read and that matched nothing.
    columns, names
        As for `select_where`.
    """
    reader = Reader(columns, names or {})
    tree = parse(text)
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    for part in parts:
        others = [other for other in parts if other is not part]
        bound = _numeric_bound(part, reader)
        rest = np.logical_and.reduce([np.ones(reader.size, bool), *map(reader.mask, others)])
        if bound and rest.any():
            return _bound_hint(bound, others, reader.column(bound[0])[rest], reader)
    single = [part for part in parts if not reader.mask(part).any()]
    if single:
        return EmptyHint(f"No sample satisfies {source(single[0])}.")
    return EmptyHint("Each part has samples, no sample satisfies all of them.")


def _numeric_bound(part: ast.expr, reader: Reader) -> tuple[str, str] | None:
    """Return (column, "largest" or "smallest") for a part such as ``loss > 12``."""
    match part:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Gt() | ast.GtE()], comparators=[right]):
            kind = "largest"
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Lt() | ast.LtE()], comparators=[right]):
            kind = "smallest"
        case _:
            return None
    numeric = reader.column(name).dtype.kind in "fiu" and not isinstance(right, ast.Name)
    return (name, kind) if numeric and name not in reader.names else None


def _bound_hint(
    bound: tuple[str, str], others: Sequence[ast.expr], values: NDArray[Any], reader: Reader
) -> EmptyHint:
    """Name the extreme value among the samples that satisfy the rest, and a bound just inside it."""
    name, kind = bound
    finite = values[np.isfinite(values)]
    if not finite.size:
        return EmptyHint(f"Among {_group(others, len(values), reader)}, {name} has no value.")
    extreme = float(finite.max() if kind == "largest" else finite.min())
    if np.issubdtype(values.dtype, np.integer):
        suggestion = f"{name} {'>=' if kind == 'largest' else '<='} {int(extreme)}"
    else:
        suggestion = f"{name} {'>' if kind == 'largest' else '<'} {_round_inside(extreme, kind)}"
    whole = " and ".join([*(ast.unparse(other) for other in others), suggestion])
    return EmptyHint(f"The {kind} {name}{_among(others, len(values), reader)} is {_number(extreme)}.", whole)


def _among(others: Sequence[ast.expr], count: int, reader: Reader) -> str:
    return f" among {_group(others, count, reader)}" if others else ""


def _group(others: Sequence[ast.expr], count: int, reader: Reader) -> str:
    """Name the samples that the rest of the filter leaves: "the 9s", "the samples of class Shirt"."""
    match list(others):
        case [
            ast.Compare(
                left=ast.Name(id=column),
                ops=[ast.Eq()],
                comparators=[ast.Constant(value=int() | str() as value)],
            )
        ] if column in reader.names:
            names = reader.names[column]
            word = str(names[value]) if isinstance(value, int) and 0 <= value < len(names) else str(value)
            return f"the {word}s" if word.isdigit() else f"the samples whose {column} is {shortened(word)}"
    return f"the {count:,} samples that satisfy the rest"


def _round_inside(extreme: float, kind: str) -> str:
    """Round to one digit on the side where the extreme still satisfies the bound."""
    step = 10.0 ** np.floor(np.log10(abs(extreme))) if extreme else 1.0
    steps = np.floor(extreme / step) if kind == "largest" else np.ceil(extreme / step)
    if steps * step == extreme:
        steps += -1 if kind == "largest" else 1
    return f"{steps * step:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"
