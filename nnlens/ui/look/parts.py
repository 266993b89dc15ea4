"""Small pieces that several parts of the page use: panes, icons, buttons, names of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
from markupsafe import Markup

from nnlens.ui.look.text import fill, name

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session

FILL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


def pane(area: str, *children: Any, scroll: bool = False, **options: Any) -> pn.Column:
    """Return a flat pane of the page's grid: surface color, its hairlines come from the grid's gaps."""
    overflow = "hidden auto" if scroll else "hidden"
    styles = {"grid-area": area, "background": "var(--nn-surface)", "overflow": overflow}
    classes = [f"area-{area}", *options.pop("css_classes", ())]
    return pn.Column(*children, **FILL, styles=styles, css_classes=classes, **options)


def icon(sign: str, *classes: str) -> Markup:
    """Return an icon by its Material name; the font is part of the widgets' bundle."""
    return fill('<span class="i {more}" aria-hidden="true">{sign}</span>', more=" ".join(classes), sign=sign)


def icon_button(
    sign: str, label: str, act: str, value: Any = "", *, off: bool = False, key: str = ""
) -> Markup:
    """Return a button of one icon, whose tooltip is its label too."""
    return fill(
        '<button class="icon" type="button" data-act="{act}" data-value="{value}" data-key="{key}" '
        'title="{label}"'
        ' aria-label="{label}" aria-disabled="{off}">{icon}</button>',
        act=act,
        value=value,
        key=key or act,
        label=label,
        off="true" if off else "false",
        icon=icon(sign),
    )


def pin_button(sample: int, pinned: bool) -> Markup:
    """Return the button that pins a sample to the pool, or lets go of it."""
    words = "unpin (p)" if pinned else "pin to the pool (p)"
    return fill(
        '<button class="icon pinned" type="button" data-act="pin" data-value="{sample}" data-key="pin{sample}" '
        'data-aside aria-pressed="{on}" title="{words}" aria-label="{words} sample {sample}">{icon}</button>',
        sample=sample,
        on="true" if pinned else "false",
        words=words,
        icon=icon("push_pin"),
    )


def button(label: str, act: str, value: Any = "", kind: str = "", title: str = "") -> Markup:
    """Return a button with words; `kind` is "main" for the one that is meant to be pressed, or "link"."""
    shape = "link" if kind == "link" else f"do {kind}"
    return fill(
        '<button class="{shape}" type="button" data-act="{act}" data-value="{value}" '
        'data-key="{act}{value}" title="{title}">'
        "{label}</button>",
        title=title,
        shape=shape.strip(),
        act=act,
        value=value,
        label=label,
    )


def swatch(session: Session, code: int) -> Markup:
    """Return the color of a class as a small square."""
    return fill('<i class="sw" style="background:{color}"></i>', color=session.colors.css(code))


def class_name(session: Session, code: int, limit: int = 24) -> Markup:
    """Return the name of a class, ready for markup."""
    return name(session.data.class_name(int(code)), limit)


def class_mark(session: Session, code: int, limit: int = 24) -> Markup:
    """Return the color and the name of a class."""
    return fill("{sw} {name}", sw=swatch(session, int(code)), name=class_name(session, code, limit))


def prediction_mark(session: Session, code: int, limit: int = 24) -> Markup:
    """Return the color and the name of a predicted class; of logits that are not finite there is none."""
    return class_mark(session, code, limit) if code >= 0 else name("invalid")


def picture(session: Session, sample: int, url: str, *, title: str = "", classes: str = "") -> Markup:
    """Return the picture of a sample; its label says what a screen reader should.

    Where the run has no pictures, a square in the color of the label stands for it.
    """
    data, position = session.data, session.data.position(sample)
    words = f"sample {sample}"
    if position is not None:
        words += f", label {data.class_name(int(data.label[position]))}"
    if not data.pictured:
        return fill(
            '<i class="unseen {classes}" role="img" aria-label="{words}" title="{title}" style="--c:{color}"></i>',
            words=words[:120],
            title=title,
            classes=classes,
            color=session.colors.css(int(data.label[position or 0])),
        )
    return fill(
        '<img src="{url}" alt="{words}" title="{title}" class="{classes}" loading="lazy" decoding="async">',
        url=url,
        words=words[:120],
        title=title,
        classes=classes,
    )


def empty(title: str, *lines: Markup | str, action: Markup | str = "") -> Markup:
    """Return what a pane without content says: why, and the way out."""
    body = Markup("").join(fill('<div class="sec">{line}</div>', line=line) for line in lines)
    return fill(
        '<div class="empty"><div class="empty-title">{title}</div>{body}<div '
        'class="empty-do">{action}</div></div>',
        title=title,
        body=body,
        action=action,
    )
