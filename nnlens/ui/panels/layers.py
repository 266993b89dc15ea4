"""The strip of layers: every layer a button; pins A and B say which one each map shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.look.live import Live
from nnlens.ui.look.text import count, fill, joined, name, plain, quoted

if TYPE_CHECKING:
    from nnlens.store import Store

SHEETS = 4
"""Most sheets drawn behind a layer's face; their number grows with the logarithm of its channels."""


def summary(store: Store) -> Markup:
    """Return the model's name and size, for the left end of the strip."""
    if not store.has_model:
        return _without_network(store)
    total, model = sum(layer.parameters for layer in store.graph), store.metadata.get("model", {})
    return fill(
        '<div class="model"><div class="b cut" title="{full}">{model}</div><div class="cap">{layers} '
        "layers · {total}"
        ' parameters</div><div class="cap sees">click: map A · shift click: map B</div></div>',
        full=quoted(model.get("name", store.name)),
        model=name(model.get("name", store.name)),
        layers=count(len(store.graph)),
        total=count(total),
    )


def _without_network(store: Store) -> Markup:
    return fill(
        '<div class="model"><div class="b">Embeddings</div><div class="cap">{units} units · made elsewhere</div>'
        '<div class="cap sees">no network, so no predictions</div></div>',
        units=count(math.prod(store.layers[0].info.shape)),
    )


class LayerStrip:
    """The layers as a row of buttons; a click shows a layer on map A, with shift on map B."""

    def __init__(self, session: Session, found: list[Stop]) -> None:
        self.session = session
        self.stops = found
        self.view = Live(
            actions={"layer": self._picked},
            guard=session.guard,
            css="layers.css",
            sizing_mode="stretch_both",
        )
        session.state.param.watch(lambda _: self.paint(), ["map_a", "map_b"])
        self.paint()

    def paint(self) -> None:
        """Draw the strip with its pins."""
        state = self.session.state
        pins = {"A": state.map_a.layer, "B": state.map_b.layer}
        self.view.show(
            fill(
                '<div class="strip" data-walk role="toolbar" aria-label="layers">{stops}</div>',
                stops=joined(_stop(stop, pins) for stop in self.stops),
            )
        )

    def _picked(self, layer: str, keys: Mapping[str, Any]) -> None:
        if any(stop.name == layer for stop in self.stops):
            which = "map_b" if keys.get("shift") else "map_a"
            shown = getattr(self.session.state, which)
            self.session.state.param.update(**{which: replace(shown, layer=layer, extent=None)})


def _stop(stop: Stop, pins: Mapping[str, str]) -> Markup:
    pinned = [pin for pin, layer in pins.items() if layer == stop.name]
    words = f"{stop.title}: {stop.kind}, {stop.dims}, {stop.parameters:,} parameters, {stop.held}"
    return fill(
        '<button class="stop {on}" type="button" data-act="layer" data-value="{layer}" '
        'data-key="{layer}" title="{words}"'
        ' aria-label="{words}" aria-pressed="{pressed}"><span class="face">{pins}{box}</span><span '
        'class="b cut">{title}'
        '</span><span class="cap cut">{dims}</span></button>',
        on="on" if pinned else "",
        pressed="true" if pinned else "false",
        layer=quoted(stop.name),
        words=plain(words, 200),
        pins=joined(fill('<span class="pin">{pin}</span>', pin=pin) for pin in pinned),
        box=_box(stop),
        title=name(stop.title),
        dims=stop.dims,
    )


def _box(stop: Stop) -> Markup:
    """Draw a layer: its face by its side in pixels, sheets behind it by its channels, a bar where it is flat."""
    if not stop.spatial:
        return fill('<i class="box flat" style="height:{h}px"></i>', h=_scaled(stop.shape[0], 16, 44, 4096))
    channels, height, _ = stop.shape
    sheets = min(SHEETS, round(math.log2(max(channels, 1)) / 2))
    shadow = ", ".join(
        f"{3 * i}px {-2 * i}px 0 0 var(--nn-fill), {3 * i}px {-2 * i}px 0 1px var(--nn-line2)"
        for i in range(1, sheets + 1)
    )
    side = _scaled(height, 14, 36, 256)
    return fill(
        '<i class="box" style="width:{s}px;height:{s}px;box-shadow:{b}"></i>', s=side, b=shadow or "none"
    )


def _scaled(size: int, least: int, most: int, top: int) -> int:
    """Scale a size to pixels by its logarithm."""
    share = math.log2(max(size, 1)) / math.log2(top)
    return round(least + (most - least) * min(share, 1))
