"""The filter of the table: a small language, read with `ast` and evaluated here, never by `eval`.

::

    loss > 1 and label == 9
    prediction != label                      columns against columns
    label == "Shirt" or label in (0, 6)      class names and class numbers
    between(loss, 0.5, 2)                    both ends included
    not isnull(label) and 0 < loss <= 3      chains, missing values

A pandas query runs code and writes files even with empty dictionaries; this language has no attribute, no call but
the two above and no arithmetic, so there is nothing to run.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import FilterError

MAX_LENGTH = 500
MAX_DEPTH = 30
EXAMPLE = "loss > 1 and prediction != label"

Mask = NDArray[np.bool_]
Columns = Mapping[str, NDArray[Any]]
Names = Mapping[str, Sequence[str]]

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
NEEDS_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def select_where(text: str, columns: Columns, names: Names | None = None) -> Mask:
    """Tell for each sample whether it satisfies a filter text.

    Parameters
    ----------
    text : str
        The filter, such as ``"loss > 1 and label == 9"``.
    columns : mapping of str to ndarray, dims (sample,)
        What may be named: numbers, texts or booleans, all of one length.
    names : mapping of str to sequence of str, optional
        For columns whose numbers stand for classes: the class names, so that ``label == "Shirt"`` works. A
        negative number in such a column counts as missing.

    Returns
    -------
    ndarray of bool, dims (sample,)

    Raises
    ------
    FilterError
        If the text cannot be read; the hint says what to write instead.
    """
    return Reader(columns, names or {}).mask(parse(text))


def parse(text: str) -> ast.expr:
    """Read a filter text into a syntax tree.

    Raises
    ------
    FilterError
        If it is empty, too long, or no expression.
    """
    if not text.strip():
        raise FilterError("The filter is empty.", f"Try {EXAMPLE}.")
    if len(text) > MAX_LENGTH:
        raise FilterError(f"The filter has {len(text):,} characters, {MAX_LENGTH} are read.", "Shorten it.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise FilterError(f"The filter {shortened(text)} cannot be read.", _advice(text)) from None


def shortened(text: str) -> str:
    """Quote a text on one line, cut to what a message can hold."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "…")


def _advice(text: str) -> str:
    """Say what is commonly meant by a text that is no expression."""
    bare = text.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "")
    if "=" in bare:
        return "Equal is written with two signs: label == 9."
    if " between " in f" {text.lower()} ":
        return "Write between(loss, 1, 2)."
    if any(sign in text for sign in ("&&", "||", "<>")):
        return "Write and, or, not, != ."
    if text.count("(") != text.count(")"):
        return "A parenthesis is missing."
    return f"Try {EXAMPLE}."


@dataclass(frozen=True)
class Reader:
    """Evaluates the nodes that the language has, and names the others."""

    columns: Columns
    names: Names

    @property
    def size(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def mask(self, node: ast.expr, depth: int = 0) -> Mask:
        """Evaluate a node that must be true or false for each sample."""
        if depth > MAX_DEPTH:
            raise FilterError("The filter is nested too deeply.", f"{MAX_DEPTH} levels are read.")
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = [self.mask(value, depth + 1) for value in values]
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return np.asarray(join.reduce(parts), bool)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return ~self.mask(inner, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=rest):
                ends = [left, *rest]
                links = [self.compare(ends[i], op, ends[i + 1]) for i, op in enumerate(ops)]
                return np.asarray(np.logical_and.reduce(links), bool)
            case ast.Call():
                return self.call(node)
            case ast.Name(id=name):
                return self.flag(name)
        raise FilterError(
            f"The filter has a part that is not a condition: {source(node)}.", f"Try {EXAMPLE}."
        )

    def flag(self, name: str) -> Mask:
        """Take a column of booleans as a condition by itself."""
        values = self.column(name)
        if values.dtype != np.bool_:
            raise FilterError(f"{name} is not a condition by itself.", f"Compare it, as in {name} > 1.")
        return values

    def column(self, name: str) -> NDArray[Any]:
        """Return a column by its name."""
        if name in self.columns:
            return np.asarray(self.columns[name])
        close = difflib.get_close_matches(name, list(self.columns), 1)
        meant = f"Did you mean {close[0]}?" if close else f"There are {', '.join(sorted(self.columns))}."
        raise FilterError(f"There is no column {name!r:.60}.", meant)

    def compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Mask:
        """Evaluate one comparison; one of the sides must be a column."""
        if isinstance(op, ast.In | ast.NotIn):
            inside = self.member(left, right)
            return inside if isinstance(op, ast.In) else ~inside
        if type(op) not in COMPARISONS:
            raise FilterError(
                f"{source(left)} is compared in a way that filters do not have.", "Use == or !=."
            )
        if not isinstance(left, ast.Name) and not isinstance(right, ast.Name):
            raise FilterError("A comparison needs a column.", f"Try {EXAMPLE}.")
        a, b = self.value(left, beside=right), self.value(right, beside=left)
        if isinstance(a, _Codes) or isinstance(b, _Codes):
            return self.equal_class(a, b, op)
        return self.apply(op, a, b, f"{source(left)} and {source(right)}")

    def equal_class(self, a: Any, b: Any, op: ast.cmpop) -> Mask:
        """Compare a column of classes with a class name; classes have no order."""
        codes, values = (a, b) if isinstance(a, _Codes) else (b, a)
        if isinstance(op, NEEDS_ORDER):
            raise FilterError("Class names have no order.", "Compare them with == or !=.")
        equal = np.isin(values, codes.codes)
        return equal if isinstance(op, ast.Eq) else ~equal

    def apply(self, op: ast.cmpop, a: Any, b: Any, who: str) -> Mask:
        """Compare two values, where numbers and texts do not mix."""
        if _is_text(a) != _is_text(b):
            raise FilterError(f"{who} cannot be compared: one is a text, the other a number.", "")
        with np.errstate(invalid="ignore"):  # a NaN satisfies no comparison but !=
            found = np.asarray(COMPARISONS[type(op)](a, b), bool)
        return np.broadcast_to(found, (self.size,))

    def value(self, node: ast.expr, beside: ast.expr | None = None) -> Any:
        """Evaluate a column, a number, a text, or a class name beside a column of classes."""
        match node:
            case ast.Name(id=name):
                return self.column(name)
            case ast.Constant(value=bool() | int() | float() | str() as constant):
                return self.constant(constant, beside)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return self.constant(-number, beside)
        raise FilterError(
            f"The filter has a part that is neither a column, a number nor a text: {source(node)}.",
            f"Try {EXAMPLE}.",
        )

    def constant(self, constant: bool | int | float | str, beside: ast.expr | None) -> Any:
        """Turn a class name into its numbers, and a number beyond int64 into a float."""
        if isinstance(constant, str) and isinstance(beside, ast.Name) and beside.id in self.names:
            return self.codes(beside.id, constant)
        try:
            return constant if isinstance(constant, str) or abs(constant) < 2**62 else float(constant)
        except OverflowError:
            raise FilterError("A number in the filter is too large.", "") from None

    def codes(self, column: str, text: str) -> _Codes:
        """Return the numbers of a class name; two classes may bear one name."""
        names = [str(name) for name in self.names[column]]
        found = [code for code, name in enumerate(names) if name == text]
        if not found:
            close = difflib.get_close_matches(text, names, 1, cutoff=0.5)
            hint = (
                f"Did you mean {close[0]!r:.60}?"
                if close
                else f"The first class is {names[0]!r:.60}."
                if names
                else ""
            )
            raise FilterError(f"No class is called {text!r:.60}.", hint)
        return _Codes(tuple(found))

    def member(self, left: ast.expr, right: ast.expr) -> Mask:
        """Evaluate ``column in (a, b, c)``."""
        if not isinstance(left, ast.Name) or not isinstance(right, ast.Tuple | ast.List | ast.Set):
            raise FilterError("'in' needs a column and a list.", "Write label in (3, 5).")
        found = np.zeros(self.size, bool)
        for item in right.elts:
            found |= self.compare(left, ast.Eq(), item)
        return found

    def call(self, node: ast.Call) -> Mask:
        """Evaluate ``between`` and ``isnull``, the only two functions."""
        match node:
            case ast.Call(func=ast.Name(id="between"), args=[ast.Name() as column, low, high], keywords=[]):
                return self.compare(column, ast.GtE(), low) & self.compare(column, ast.LtE(), high)
            case ast.Call(func=ast.Name(id="isnull"), args=[ast.Name(id=name)], keywords=[]):
                return self.missing(name)
        raise FilterError(
            f"The filter calls {source(node.func)}, which it cannot.",
            "It has between(loss, 1, 2) and isnull(label).",
        )

    def missing(self, name: str) -> Mask:
        """Tell where a column has no value: NaN, an empty text, a class below 0."""
        values = self.column(name)
        if name in self.names:
            return np.asarray(values < 0)
        if values.dtype.kind == "f":
            return np.isnan(values)
        return np.asarray(values == "", bool) if _is_text(values) else np.zeros(self.size, bool)


@dataclass(frozen=True)
class _Codes:
    """The numbers that a class name stands for."""

    codes: tuple[int, ...] = field(default=())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUT")


def source(node: ast.expr) -> str:
    """Return what a node was written as, for a message."""
    try:
        return shortened(ast.unparse(node))
    except (ValueError, RecursionError):
        return "it"
