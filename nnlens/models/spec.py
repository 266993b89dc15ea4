"""Reading where an architecture is: ``file.py:callable`` or ``package.module:callable``, with arguments or without."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from nnlens.errors import ModelError

FORM = "Write it as file.py:callable or package.module:callable, with arguments as in net.py:Net(width=32)."
LITERALS = "Only literals can be given: numbers, texts, True, False, None, and lists, tuples and dictionaries of them."
# the shortest place that leaves a name and perhaps a call: arguments may hold colons and parentheses of their own
SPEC = re.compile(r"(?P<place>.+?):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)\s*(?P<call>\(.*\))?\s*", re.DOTALL)
FUNCTION = "get_model_and_input"
"""What is called where a file stands alone: it gives a network with its input."""
LONGEST = 10_000
"""Signs of a call; a parser of nested brackets has its limits."""


@dataclass(frozen=True)
class Spec:
    """Where an architecture is and how it is called.

    Attributes
    ----------
    place : str
        A file that ends with ``.py``, or a module.
    name : str
        The callable in it, perhaps with dots.
    args : tuple
    kwargs : dict
        What it is called with.
    """

    place: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def parse_spec(text: str) -> Spec:
    """Take a text apart; nothing in it is run. A file without a callable is that with ``get_model_and_input``.

    Raises
    ------
    ModelError
        If it has another form, or an argument is no literal.
    """
    if text.endswith(".py"):
        return Spec(text, FUNCTION)
    found = SPEC.fullmatch(text)
    if found is None:
        raise ModelError(f"The architecture {text!r} names no callable.", FORM)
    args, kwargs = _arguments(found["call"] or "()", text)
    return Spec(found["place"], found["name"], args, kwargs)


def _arguments(call: str, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        if len(call) > LONGEST:
            raise ValueError("too long")
        node = ast.parse(f"f{call}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ModelError(f"The arguments of the architecture {text[:80]!r} cannot be read.", FORM) from error
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ModelError(f"The architecture {text!r} is more than one call.", FORM)
    args = tuple(_literal(each, text) for each in node.args)
    return args, {_keyword(each, text): _literal(each.value, text) for each in node.keywords}


def _keyword(keyword: ast.keyword, text: str) -> str:
    if keyword.arg is None:
        raise ModelError(f"The architecture {text!r} unpacks its arguments.", LITERALS)
    return keyword.arg


def _literal(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ModelError(
            f"The argument {ast.unparse(node)} of the architecture {text!r} is no literal.", LITERALS
        ) from error
