"""Small choices inside a panel: a menu, and a switch of a few words."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nnlens.ui.look.text import fill, joined

Options = Sequence[tuple[str, str]]
"""What is shown, and what it stands for."""


def choice(label: str, act: str, options: Options, chosen: str, inline: bool = False) -> Markup:
    """Return a menu with its label at the left; of one `inline` only a screen reader hears the label."""
    entries = joined(
        fill(
            '<option value="{value}" {on}>{text}</option>',
            value=value,
            text=text,
            on="selected" if value == chosen else "",
        )
        for text, value in options
    )
    words = fill('<span class="cap">{label}</span>', label=label)
    return fill(
        '<label class="pick {shape}">{words}<select data-act="{act}" data-key="{act}" aria-label="{label}" '
        'title="{label}">{entries}</select></label>',
        shape="inline" if inline else "",
        words="" if inline else words,
        act=act,
        label=label,
        entries=entries,
    )


def switch(label: str, act: str, options: Options, chosen: str) -> Markup:
    """Return a switch of a few words."""
    buttons = joined(
        fill(
            '<button type="button" data-act="{act}" data-value="{value}" data-key="{act}{value}" '
            'aria-pressed="{on}">{text}</button>',
            act=act,
            value=value,
            text=text,
            on="true" if value == chosen else "false",
        )
        for text, value in options
    )
    return fill(
        '<div class="switch" role="group" aria-label="{label}" data-walk>{buttons}</div>',
        label=label,
        buttons=buttons,
    )
