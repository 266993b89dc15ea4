"""Backward rules by name: what layers do with the gradient that comes back through them.

``"plain"`` changes nothing: it is the gradient. The adapters know no other yet, and say so rather than giving the plain
gradient under another name.
"""

from __future__ import annotations

from nnlens.errors import ModelError

PLAIN = "plain"
RULES = frozenset({PLAIN})


def check_rule(name: str) -> None:
    """Refuse a rule that nobody follows.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if name not in RULES:
        raise ModelError(f"There is no backward rule {name!r}.", f"Known are {', '.join(sorted(RULES))}.")
