"""What stands around a comparison: the switch, the skeleton while it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from nnlens.ui.look.parts import button
from nnlens.ui.look.progress import bar, step_words
from nnlens.ui.look.text import fill, joined
from nnlens.ui.sharing.traits import Against

if TYPE_CHECKING:
    from nnlens.ui.core.work import Task

BONES = 8


def waiting(task: Task) -> Markup:
    """Return the skeleton, with how far the job is and a way to leave it."""
    bones = joined(fill('<div class="bone traitbone"></div>') for _ in range(BONES))
    return fill(
        '<div class="sharing"><div class="side"><div class="trio">{squares}</div></div><div class="side"></div>'
        '<div class="side"><div class="doing" role="status"><span class="cap">{words}</span>{cancel}</div>'
        "{bar}{bones}</div></div>",
        squares=joined(fill('<div class="bone square"></div>') for _ in range(3)),
        words=step_words(task),
        cancel=button("Cancel", "cancel"),
        bar=bar(task),
        bones=bones,
    )


def kinds(against: Against, matched: bool) -> Markup:
    """Draw the switch between the two kinds of random selections; `matched` says whether there are both."""
    choices = (("matched", "same classes", matched), ("any", "all samples", True))
    return fill(
        '<span class="seg" role="group" aria-label="random selections of">{parts}</span>',
        parts=joined(
            fill(
                '<button type="button" data-act="against" data-value="{kind}" data-key="against{kind}" '
                'aria-pressed="{on}" aria-disabled="{off}" title="{title}">{words}</button>',
                kind=kind,
                words=words,
                on="true" if kind == against else "false",
                off="false" if possible else "true",
                title=f"compare with random selections of {words}"
                if possible
                else "all samples of these classes are selected",
            )
            for kind, words, possible in choices
        ),
    )
