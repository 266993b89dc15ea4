"""A channel's values as heat over the picture, as it went into the network."""

from __future__ import annotations

from markupsafe import Markup

from nnlens.ui.channels.values import Floats
from nnlens.ui.core.session import Session
from nnlens.ui.look.heat import Heat
from nnlens.ui.look.parts import picture
from nnlens.ui.look.pictures import data_url
from nnlens.ui.look.text import decimal, fill

VALUES, PHOTO = "values", "photo"
"""The two ways to look at a channel."""


def over_photo(session: Session, sample: int, values: Floats) -> Markup:
    """Draw values (y, x) over the picture of a sample, with their scale below.

    Parameters
    ----------
    session : Session
    sample : int
        The id.
    values : ndarray, dims (y, x)
    """
    heat = Heat.of(values)
    words = f"sample {sample:,} with the values of the channel over it"
    return fill(
        '<div class="onphoto {kind}">{under}<img class="over" src="{url}" alt="{words}"></div>'
        '<div class="scale cap"><span>{low}</span><i style="background:linear-gradient(90deg,{colors})"></i>'
        "<span>{top}</span></div>",
        kind=f"{'signed' if heat.signed else ''} {session.photo}",
        under=picture(session, sample, session.form_url(sample, "seen"), classes=session.photo),
        url=data_url(heat.pixels(session.theme)),
        words=words,
        low=decimal(-heat.top if heat.signed else heat.low),
        colors=",".join(heat.bar(session.theme)),
        top=decimal(heat.top),
    )


def switch(shown: str) -> Markup:
    """Draw the switch between the two."""
    return fill(
        '<div class="switch" role="group" aria-label="how the values are shown" data-walk>{values}{photo}</div>',
        values=_side(VALUES, "values", "the raw values alone", shown),
        photo=_side(PHOTO, "on the photo", "as heat over the picture that the network saw", shown),
    )


def _side(value: str, label: str, title: str, shown: str) -> Markup:
    return fill(
        '<button type="button" data-act="form" data-value="{value}" data-key="form {value}" title="{title}" '
        'aria-pressed="{on}">{label}</button>',
        value=value,
        title=title,
        on="true" if value == shown else "false",
        label=label,
    )
