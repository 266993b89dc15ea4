"""The markup of a query: what is asked, its nearest samples, or what stands in the way."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from markupsafe import Markup

from nnlens.errors import NNLensError
from nnlens.ui.look.parts import button, class_mark, empty, icon, picture
from nnlens.ui.look.text import count, decimal, error_words, fill, joined, plain, share
from nnlens.ui.look.tiles import tile
from nnlens.ui.query.arriving import WEIGHTS

if TYPE_CHECKING:
    from nnlens.lens.outside import Outside
    from nnlens.ui.core.session import Session
    from nnlens.ui.query.networks import Networks
    from nnlens.ui.query.panel import Query

BONES = 12
LIKELY = 3


def chooser(weights: bool = False) -> Markup:
    """Return the buttons that take a picture, and perhaps weights, from a file."""
    more = fill(
        '<button class="do" type="button" data-choose="{endings}" data-act="choose" data-key="weights" '
        'title="other weights of the same architecture">{icon} Weights…</button>',
        endings=",".join(WEIGHTS),
        icon=icon("memory"),
    )
    return fill(
        '<div class="chooser"><div class="choosing"><button class="do" type="button" data-choose '
        'data-act="choose" data-key="choose">{icon} Picture…</button>{more}</div><div class="cap">{words}</div></div>',
        icon=icon("image"),
        more=more if weights else "",
        words="or drop them anywhere on the page. A picture is run through the model, or through its architecture "
        "with the dropped weights, and kept nowhere."
        if weights
        else "or drop one anywhere on the page. It is run through the model, and kept nowhere.",
    )


def body(session: Session, query: Query, space: xr.Dataset | None) -> Markup:
    """Draw a query as it stands."""
    if query.problem is not None:
        title, hint = error_words(query.problem)
        again = isinstance(query.problem, NNLensError) and query.asked is not None
        return empty(title, hint, *_coming(query), action=button("Try again", "again") if again else "")
    if query.asked is None and (told := _weights(query)) is not None:
        return told
    if query.asked is None:
        return empty(
            "What is this like?",
            "Type the id of a sample, click a point, or drop a picture.",
            "The nearest samples stand here, by what the network makes of them.",
        )
    if not query.near and not query.waiting:
        why = "This layer has no other sample with finite values to compare."
        return empty("No other sample", why, *_coming(query))
    if not query.near:
        return fill(
            '<div class="query {wide}"><div class="asked">{asked}</div>{explained}<div class="found" role="status">'
            '<div class="h3"><span class="cap">looking…</span></div><div class="grid12">{bones}</div></div></div>',
            **_left(session, query),
            bones=joined(fill('<div class="bone square"></div>') for _ in range(BONES)),
        )
    return fill(
        '<div class="query {wide}"><div class="asked">{asked}</div>{explained}<div class="found"><div class="h3">'
        '<span class="cut">{n} nearest in {layer}</span>'
        '<span class="cap cut grow">{metric} · {caption}</span>{select}</div>'
        '<div class="scroll"><div class="grid12" data-walk>{tiles}</div></div></div></div>',
        **_left(session, query),
        n=count(len(query.near)),
        layer=plain(query.layer, 24),
        metric=query.metric,
        caption=plain(space.attrs.get("caption", ""), 80) if space is not None else "",
        select=button("Select these", "select"),
        tiles=_tiles(session, query),
    )


def _weights(query: Query) -> Markup | None:
    """Say what to do with weights that were dropped before there is anything to ask."""
    networks = query.explained.networks
    if networks.coming:
        return empty(fill("Reading <bdi>{name}</bdi>…", name=networks.coming))
    if networks.weights is None:
        return None
    return empty(
        fill("<bdi>{name}</bdi> fits the network", name=networks.weights.name),
        "Drop a picture, or choose a sample: type its id, or click a point.",
        "Then it is explained with these weights, or with those of the run.",
    )


def _left(session: Session, query: Query) -> dict[str, Markup | str]:
    """Draw what is asked, and what in it counts once the network has seen it."""
    explained = query.explained.markup(query.outside)
    asked = _asked(session, query)
    # beside its map the menu of networks says what is on its way
    return {
        "asked": asked if explained else joined([asked, *_coming(query)]),
        "wide": "three" if explained else "",
        "explained": explained,
    }


def _coming(query: Query) -> list[Markup]:
    """Say which weights are on their way, and how far."""
    name = query.explained.networks.coming
    words = '<div class="cap" role="status" style="overflow-wrap:anywhere">Reading <bdi>{name}</bdi>…</div>'
    return [fill(words, name=name)] if name else []


def _tiles(session: Session, query: Query) -> Markup:
    known = [(sample, away) for sample, away in query.near if session.data.position(sample) is not None]
    urls = session.image_urls([sample for sample, _ in known])
    return joined(
        fill(
            '<div>{tile}<div class="cap mid">{away}</div></div>',
            tile=tile(session, sample, url, sample == session.state.focus),
            away=decimal(away),
        )
        for (sample, away), url in zip(known, urls, strict=True)
    )


def _asked(session: Session, query: Query) -> Markup:
    """Draw what is asked: a sample, or a picture with what the network takes it for."""
    asked = query.asked
    if asked is not None and asked.sample is not None:
        at = session.data.position(asked.sample) or 0
        with_weights = query.explained.networks.used is not None
        return fill(
            '{image}<div class="b cut">Sample {id}</div><div class="cut">{label}</div>{classes}',
            image=picture(session, asked.sample, session.image_url(asked.sample), classes="subject"),
            id=count(asked.sample),
            label=class_mark(session, int(session.data.label[at])),
            classes=_likely(session, query, None) if with_weights else "",
        )
    if query.outside is None:
        return fill(
            '<div class="bone square"></div><div class="b cut"><bdi>{name}</bdi></div>',
            name=asked.name if asked else "",
        )
    seen = query.outside
    return fill(
        '<img class="subject" src="{url}" alt="the picture {name}">'
        '<div class="b cut" title="{name}"><bdi>{name}</bdi></div>'
        '<div class="cap">{width} × {height} pixels</div>{classes}',
        url=f"data:image/png;base64,{base64.b64encode(seen.picture).decode()}",
        name=asked.name if asked else "",
        width=count(seen.width),
        height=count(seen.height),
        classes=_likely(session, query, seen),
    )


def _likely(session: Session, query: Query, outside: Outside | None) -> Markup:
    """Draw the classes that the network that is asked takes a picture for; bones until it has seen it."""
    networks, seen = query.explained.networks, query.explained.predicted(outside)
    used = networks.used
    words = fill('<div class="cap cut">with <bdi>{name}</bdi></div>', name=used.name) if used else Markup("")
    if seen is None and used is not None and networks.problem is not None:
        return words + _unseen(networks, networks.problem)
    if seen is not None and not np.isfinite(seen.logits).all():
        return words + fill(
            '<div class="cap">The logits are not finite, so there are no probabilities.</div>'
        )
    if seen is None:
        return words + joined(fill('<div class="bone line"></div>') for _ in range(LIKELY))
    chances = np.exp(seen.logits - np.max(seen.logits))
    chances /= chances.sum()
    return words + joined(
        fill(
            '<div class="likely"><span class="cut">{name}</span><span class="num">{p}</span></div>',
            name=class_mark(session, int(code), 14),
            p=share(float(chances[code])),
        )
        for code in np.argsort(-chances, kind="stable")[:LIKELY]
    )


def _unseen(networks: Networks, problem: BaseException) -> Markup:
    """Say why a network makes nothing of a picture, and offer to try again where that may help."""
    text, hint = error_words(problem)
    return fill(
        '<div class="cap" role="alert"><span class="bad">{text}</span> {hint}</div>{again}',
        text=text,
        hint=hint,
        again=button("Try again", "look", kind="link") if networks.pictured else "",
    )
