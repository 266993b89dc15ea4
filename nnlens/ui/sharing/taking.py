"""What the selected share on its way out: the mean images, the mix of classes and the traits, with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from nnlens.errors import ExportError
from nnlens.export.drawing import Drawing, Rect, Shape, Words, fitted
from nnlens.ui.core.take_out import Download, TakeOut
from nnlens.ui.core.taking import ROOM, bundle_download, figure_downloads, stem
from nnlens.ui.look.palette import TOKENS
from nnlens.ui.look.text import decimal, plain
from nnlens.ui.sharing.drawing import FARTHEST
from nnlens.ui.sharing.figures import difference, mean_pixels, table
from nnlens.ui.sharing.traits import Trait, standing_words, traits_of, words

if TYPE_CHECKING:
    from nnlens.ui.sharing.panel import InCommon

SIDE, GAP, ROW = 160, 16, 20
MOST = 30
"""Traits that the drawing has; the table and the values have all of them."""
NAME, BAR = 240, 160


def sharing_out(shown: InCommon) -> TakeOut:
    """Return the button that takes a comparison out."""
    name = stem(shown.session, "in common", lambda: int(shown.of.sum()) if shown.of is not None else "")
    offered = [
        *figure_downloads(name, lambda: whole_figure(shown)),
        bundle_download("Mean images (zip)", name, lambda: means(shown)),
        Download("Traits as CSV", lambda: f"{name()}.csv", lambda: table(_result(shown)).encode()),
        Download("Copy the traits as CSV", lambda: f"{name()}.csv", lambda: table(_result(shown))),
    ]
    return TakeOut(
        shown.session, "take the comparison out", offered, width=ROOM, height=ROOM, styles={"top": "4px"}
    )


def _result(shown: InCommon) -> xr.Dataset:
    if shown.result is None:
        raise ExportError("Nothing is compared yet.", "Select samples, and press “What do these share?”.")
    return shown.result


def _numbers(result: xr.Dataset) -> dict[str, Any]:
    """Return the values behind the figures, without those that every sample has for itself."""
    return {str(name): array.values for name, array in result.data_vars.items() if "sample" not in array.dims}


def means(shown: InCommon) -> dict[str, Drawing]:
    """Draw the mean image of the selected, of the others, and their difference."""
    result, tokens = _result(shown), TOKENS[shown.session.theme]
    found = {}
    for name, title, caption, pixels, values in _images(shown, result):
        picture = fitted(pixels, 0, 0, 224)
        found[name] = Drawing(
            224, 224, [picture], values, title, caption, tokens["ink"], tokens["surface"],
        )  # fmt: skip
    return found


def _images(shown: InCommon, result: xr.Dataset) -> list[tuple[str, str, str, Any, dict[str, Any]]]:
    if not result.attrs.get("pictured"):
        raise ExportError("This run has no pictures.", "The traits can be taken out.")
    chosen, rest = (result[name].values for name in ("chosen_image", "rest_image"))
    pixels, top = difference(chosen, rest, shown.session.theme)
    samples = {"sample": shown.session.data.ids[shown.of]} if shown.of is not None else {}
    return [
        ("mean-selected", "Mean of the selected", "", mean_pixels(chosen), {"mean": chosen, **samples}),
        ("mean-others", "Mean of the others", "", mean_pixels(rest), {"mean": rest}),
        (
            "difference", "Selected minus the others", f"± {top:.2g} of brightness from 0 to 1", pixels,
            {"difference": (chosen - rest).mean(axis=-1), "scale": np.array([-top, top])},
        ),
    ]  # fmt: skip


def whole_figure(shown: InCommon) -> Drawing:
    """Draw the mean images above the traits that go farthest."""
    result, tokens = _result(shown), TOKENS[shown.session.theme]
    shapes: list[Shape] = []
    top = 0
    if result.attrs.get("pictured"):
        for place, (_, title, caption, pixels, _) in enumerate(_images(shown, result)):
            x = place * (SIDE + GAP)
            shapes += [fitted(pixels, x, 0, SIDE), Words(x, SIDE + 14, caption or title, 11, tokens["ink2"])]
        top = SIDE + 32
    traits = traits_of(result, shown.against)[:MOST]
    for place, trait in enumerate(traits):
        shapes += _trait(shown, trait, top + place * ROW, tokens, int(result.attrs.get("draws", 0)))
    number = "" if shown.of is None else f"{int(shown.of.sum()):,} "
    return Drawing(
        NAME + BAR + 240, top + ROW * len(traits), shapes, _numbers(result) | {"against": shown.against},
        f"What {number}samples share", plain(result.attrs.get("caption", ""), 120), tokens["ink"], tokens["surface"],
    )  # fmt: skip


def _trait(shown: InCommon, trait: Trait, y: float, tokens: Any, draws: int) -> list[Shape]:
    """Draw one trait: its name, how far it goes, between which random selections lie, and where it stands."""
    ink = tokens["ink"] if trait.clear else tokens["ink3"]
    ends, band = sorted((_at(0), _at(trait.shift))), (_at(trait.low), _at(trait.high))
    return [
        Words(0, y + 14, plain(words(shown.session, trait), 40), 11, ink),
        Rect(band[0], y + 4, max(band[1] - band[0], 1), 12, tokens["fill"]),
        Rect(ends[0], y + 7, max(ends[1] - ends[0], 1), 6, tokens["ink2"] if trait.clear else tokens["bar"]),
        Words(NAME + BAR + 56, y + 14, f"{trait.shift:+.2f} σ".replace("-", "−"), 11, ink, "end"),
        Words(
            NAME + BAR + 64, y + 14,
            f"{decimal(trait.chosen_mean)} · {decimal(trait.rest_mean)} · {standing_words(trait, draws)[0]}", 10,
            tokens["ink3"],
        ),
    ]  # fmt: skip


def _at(shift: float) -> float:
    """Place a difference, in standard deviations, on the bar of a trait."""
    return NAME + BAR / 2 * (1 + float(np.clip(shift / FARTHEST, -1, 1)))
