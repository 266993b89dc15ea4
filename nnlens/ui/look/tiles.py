"""Small pictures of samples that take the focus when clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from nnlens.ui.look.parts import picture
from nnlens.ui.look.text import decimal, fill, joined, plain

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session


def tile(session: Session, sample: int, url: str, current: bool = False) -> Markup:
    """Return a small picture that takes the focus when clicked, with its label and prediction."""
    data = session.data
    at = data.position(sample) or 0
    label, prediction = int(data.label[at]), int(data.prediction[at])
    taken = plain(data.class_name(prediction), 16) if prediction >= 0 else "invalid"
    wrong = f"→ {taken}" if data.scored and label != prediction else ""
    loss = f" · loss {decimal(float(data.loss[at]))}" if data.scored else ""
    return fill(
        '<button class="tile {on}" type="button" data-act="focus" data-value="{id}" data-key="tile{id}">{image}'
        '<span class="cap cut"><bdi>{words}</bdi></span><span class="cap cut"><bdi>{wrong}</bdi></span></button>',
        on="on" if current else "",
        id=sample,
        image=picture(session, sample, url, title=f"sample {sample:,}{loss}"),
        words=plain(data.class_name(label), 16),
        wrong=wrong,
    )


def tiles(session: Session, samples: Sequence[int], current: int | None = None) -> Markup:
    """Return small pictures; without a route they are read in one go."""
    urls = session.image_urls(samples)
    return joined(tile(session, s, url, s == current) for s, url in zip(samples, urls, strict=True))
