"""Small controls inside markup: menus, fields, a slider; each tells its value when it is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import param
from markupsafe import Markup

from nnlens.ui.look.text import fill, joined, plain, quoted

Option = tuple[str, str]
"""Value and text."""
Shown = tuple[str, str]
"""Text and value."""


def menu(
    act: str,
    label: str,
    options: Sequence[Option],
    value: str,
    key: str = "",
    groups: Sequence[tuple[str, Sequence[Option]]] = (),
    absent: str = "",
) -> Markup:
    """Return a small menu of its own line's height; options may follow in named groups.

    Where none of them is chosen, `absent` are the words for what is: a browser would show the first, which then could
    not be chosen.
    """
    return fill(
        '<select class="menu" data-act="{act}" data-key="{key}" aria-label="{label}" '
        'title="{label}">{absent}{options}{groups}</select>',
        absent=fill('<option value="" selected disabled hidden>{words}</option>', words=absent)
        if absent
        else "",
        act=act,
        key=key or act,
        label=label,
        options=_options(options, value),
        groups=joined(
            fill('<optgroup label="{name}">{options}</optgroup>', name=name, options=_options(some, value))
            for name, some in groups
        ),
    )


def _options(options: Sequence[Option], value: str) -> Markup:
    return joined(
        fill(
            '<option value="{value}" {on}>{text}</option>',
            value=option,
            text=text,
            on="selected" if option == value else "",
        )
        for option, text in options
    )


def line(act: str, label: str, value: Any, hint: str = "", kind: str = "text", **limits: Any) -> Markup:
    """Return a field of one line; `limits` are ``min``, ``max`` and ``step`` of a number."""
    bounds = joined(
        fill(' {name}="{limit}"', name=name, limit=limit)
        for name, limit in limits.items()
        if limit is not None
    )
    return fill(
        '<input class="menu line {kind}" type="{kind}" data-act="{act}" data-key="{act}" value="{value}" '
        'placeholder="{hint}" aria-label="{label}" title="{label}"{bounds} autocomplete="off" spellcheck="false">',
        act=act,
        kind=kind,
        value="" if value is None else value,
        hint=hint,
        label=label,
        bounds=bounds,
    )


def slider(act: str, label: str, value: int, variable: str) -> Markup:
    """Return a slider from 0 to 100, which sets a variable of the style sheet around it while it is dragged."""
    return fill(
        '<input type="range" min="0" max="100" step="5" value="{value}" data-act="{act}" data-key="{act}" '
        'data-sets="{variable}" aria-label="{label}" title="{label}">',
        act=act,
        label=label,
        value=value,
        variable=variable,
    )


def control(parameter: param.Parameter, value: Any) -> Markup:
    """Return the control of an analysis' parameter, with its name before it and its doc as the tooltip."""
    name = parameter.name
    label = plain(parameter.label or name.replace("_", " "), 16).lower()
    return fill(
        '<label class="setting" title="{doc}"><span class="cap">{label}</span>{control}</label>',
        doc=quoted(parameter.doc or label),
        label=label,
        control=_control(parameter, f"set {name}", label, value),
    )


def _control(parameter: param.Parameter, act: str, label: str, value: Any) -> Markup:
    if isinstance(parameter, param.Selector):
        names = parameter.get_range()
        return menu(act, label, [(str(each), plain(text, 16)) for text, each in names.items()], str(value))
    if isinstance(parameter, param.Boolean):
        return menu(act, label, [("True", "yes"), ("False", "no")], str(value))
    if isinstance(parameter, param.Number):
        low, high = parameter.bounds or (None, None)
        step = parameter.step or (1 if isinstance(parameter, param.Integer) else "any")
        return line(act, label, value, kind="number", min=low, max=high, step=step)
    return line(act, label, value)


def choice(label: str, act: str, options: Sequence[Shown], chosen: str, inline: bool = False) -> Markup:
    """Return a menu with its label at the left; of one `inline` only a screen reader hears the label."""
    entries = _options([(value, text) for text, value in options], chosen)
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


def switch(label: str, act: str, options: Sequence[Shown], chosen: str) -> Markup:
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
