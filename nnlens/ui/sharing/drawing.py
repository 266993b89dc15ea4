"""The markup of a comparison: mean images, the mix of classes, a row a trait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from markupsafe import Markup

from nnlens.ui.look.parts import class_name, icon_button, swatch
from nnlens.ui.look.text import decimal, fill, joined, percent
from nnlens.ui.sharing.figures import difference_url, mean_url
from nnlens.ui.sharing.traits import Trait, standing_words, words

if TYPE_CHECKING:
    from nnlens.ui.core.session import Session

FARTHEST = 4.0
"""Standard deviations at the end of a bar; one that goes on has a mark there."""
CLASSES = 5


def pictures(session: Session, result: xr.Dataset) -> Markup:
    """Draw the mean images of the selected and of the others, and what is between them."""
    if not result.attrs.get("pictured"):
        return fill('<div class="cap">This run has no pictures.</div>')
    chosen, rest = (result[name].values for name in ("chosen_image", "rest_image"))
    difference, top = difference_url(chosen, rest, session.theme)
    shown = (
        (mean_url(chosen), "selected", "mean image of the selected samples", "mean"),
        (mean_url(rest), "the others", "mean image of all other samples", "mean-others"),
        (
            difference,
            f"difference ± {top:.2g}",
            "selected minus the others, of brightness from 0 to 1",
            "difference",
        ),
    )
    return fill(
        '<div class="trio">{figures}</div>',
        figures=joined(
            fill(
                '<figure><a download="{file}.png" href="{url}" title="{title}; click to save it">'
                '<img src="{url}" alt="{title}"></a><figcaption class="cap cut">{words}</figcaption></figure>',
                url=url,
                words=label,
                title=title,
                file=file,
            )
            for url, label, title, file in shown
        ),
    )


def mix(session: Session, result: xr.Dataset, kind: str) -> Markup:
    """Draw the classes whose share differs most between the selected and the others."""
    counts = [result[f"{who}_{kind}"].values for who in ("chosen", "rest")]
    if not all(each.sum() for each in counts):
        return Markup("")
    chosen, rest = (each / each.sum() for each in counts)
    order = [
        int(c) for c in np.argsort(-np.abs(chosen - rest), kind="stable")[:CLASSES] if chosen[c] + rest[c] > 0
    ]
    rows = joined(
        fill(
            '<button class="mixed" type="button" data-act="class" data-value="{kind} {code}" data-key="{kind}{code}" '
            'title="{a} of the selected, {b} of the others; click colors by {kind}">'
            '<span class="cut">{sw} {name}</span><span class="two" aria-hidden="true">'
            '<i class="in" style="width:{wa}%"></i><i style="width:{wb}%"></i></span>'
            '<span class="num">{a}</span><span class="num cap">{b}</span></button>',
            kind=kind,
            code=code,
            a=percent(chosen[code], 0),
            b=percent(rest[code], 0),
            wa=f"{100 * chosen[code]:.1f}",
            wb=f"{100 * rest[code]:.1f}",
            sw=swatch(session, code),
            name=class_name(session, code, 18),
        )
        for code in sorted(order, key=lambda code: -chosen[code])
    )
    return fill('<div class="cap mixhead"><span>{kind}</span><span>selected</span><span>others</span></div>{rows}',
                kind=kind, rows=rows)  # fmt: skip


def rows(session: Session, traits: Sequence[Trait], result: xr.Dataset, current: str) -> Markup:
    """Draw a row a trait; `current` is the column that colors the maps."""
    draws = int(result.attrs.get("draws", 0))
    largest = max((abs(trait.shift) for trait in traits), default=1)
    scale = min(FARTHEST, max(largest, 0.5))
    sides = result.attrs.get("grid", (0, 0))
    return joined(
        _row(session, trait, draws, scale, tuple(int(side) for side in sides), current) for trait in traits
    )


def _row(
    session: Session, trait: Trait, draws: int, scale: float, grid: tuple[int, ...], current: str
) -> Markup:
    short, whole = standing_words(trait, draws)
    name = words(session, trait)
    return fill(
        '<div class="trait {state}"><button type="button" class="what" data-act="color" data-value="{place}" '
        'data-key="color{place}" title="{name}: color the maps by it">{mark}<span class="cut"><bdi>{name}</bdi></span>'
        "{bar}<span class=\"num\">{shift}</span><span class=\"cut means cap\">{chosen} · {rest}</span>"
        '<span class="cut cap" title="{whole}">{short}</span></button>{select}</div>',
        state=" ".join(["" if trait.clear else "faint", "on" if trait.column == current else ""]),
        place=trait.place,
        name=name,
        mark=_mark(trait, grid),
        bar=_bar(trait, scale),
        shift=f"{trait.shift:+.2f} σ".replace("-", "−"),
        chosen=decimal(trait.chosen_mean).replace("-", "−"),
        rest=decimal(trait.rest_mean).replace("-", "−"),
        short=short,
        whole=whole,
        select=icon_button("north_east", f"select as many that go farthest in: {name}", "select", trait.place,
                           key=f"select{trait.place}"),
    )  # fmt: skip


def _mark(trait: Trait, grid: tuple[int, ...]) -> Markup:
    """Draw where in the picture a region lies; for other traits a sign of their kind."""
    if trait.kind == "region" and len(grid) == 2 and min(grid) > 0:
        row, column = divmod(trait.index, grid[1])
        return fill(
            '<span class="where" aria-hidden="true"><i style="left:{x}%;top:{y}%;width:{w}%;height:{h}%"></i></span>',
            x=f"{100 * column / grid[1]:.1f}",
            y=f"{100 * row / grid[0]:.1f}",
            w=f"{100 / grid[1]:.1f}",
            h=f"{100 / grid[0]:.1f}",
        )
    signs = {"channel": "layers", "label": "label", "prediction": "psychology", "image": "image"}
    return fill('<span class="i" aria-hidden="true">{sign}</span>', sign=signs.get(trait.kind, "functions"))


def _bar(trait: Trait, scale: float) -> Markup:
    """Draw the difference, and between which random selections lie."""

    def at(value: float) -> float:
        return 50 + 50 * float(np.clip(value / scale, -1, 1))

    ends = sorted((at(0), at(trait.shift)))
    band = (at(trait.low), at(trait.high))
    past = "past" if abs(trait.shift) > scale * 1.001 else ""
    return fill(
        '<span class="shift" aria-hidden="true"><i class="band" style="left:{low}%;width:{wide}%"></i>'
        '<i class="bar {past} {side}" style="left:{start}%;width:{long}%"></i></span>',
        low=f"{band[0]:.1f}",
        wide=f"{max(band[1] - band[0], 0.6):.1f}",
        start=f"{ends[0]:.1f}",
        long=f"{max(ends[1] - ends[0], 0.6):.1f}",
        past=past,
        side="up" if trait.shift >= 0 else "down",
    )
