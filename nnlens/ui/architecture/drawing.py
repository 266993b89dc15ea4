"""The strip as markup: lines as one stretching drawing, boxes as buttons over it, a card of facts for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from nnlens.schema import INPUT
from nnlens.ui.architecture import boxes
from nnlens.ui.architecture.folding import Group, Part, face_of, title_of
from nnlens.ui.architecture.layout import HEIGHT
from nnlens.ui.architecture.naming import short
from nnlens.ui.architecture.placed import Box, Layout, Line
from nnlens.ui.architecture.scene import Scene
from nnlens.ui.core.stops import Stop
from nnlens.ui.look.text import count, fill, joined, plain, quoted

CARD = 240
"""Pixels of a card's width."""


@dataclass(frozen=True)
class Look:
    """What the strip says beyond the network itself.

    Attributes
    ----------
    stops : mapping of str to Stop
        Layers that a map can show, by name.
    pins : mapping of str to str
        "A" and "B" to the layer that the map shows.
    values : mapping of str to str
        By layer the measure that stands below it.
    measure : str
        What the measure is called.
    busy : frozenset of str
        Layers whose measure is being computed.
    """

    stops: Mapping[str, Stop]
    pins: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    measure: str = ""
    busy: frozenset[str] = frozenset()


def strip(scene: Scene, look: Look) -> Markup:
    """Draw the whole network."""
    layout, labelled = scene.layout, scene.labelled()
    ahead: defaultdict[str, list[Markup]] = defaultdict(list)
    framed = {group.key for group in scene.frames}
    for group in scene.open:
        first = next(part.key for part in scene.shown if group.leaves[0] in part.leaves)
        ahead[first].append(_frame(group, layout, scene, look, group.key in framed))
    place = {layer.name: at for at, layer in enumerate(scene.layers)}
    stops = joined(
        joined(ahead[part.key]) + _stop(part, layout, look, part.key in labelled, place[face_of(part).name])
        for part in scene.shown
    )
    return fill(
        '<div class="strip" data-walk role="toolbar" aria-label="layers"><div class="canvas" '
        'style="min-width:calc({least}px * var(--s))">{wires}{stops}</div></div>',
        least=f"{layout.least:.0f}",
        wires=_wires(layout),
        stops=stops,
    )


def _wires(layout: Layout) -> Markup:
    """Draw the lines; the drawing stretches with the strip, its strokes do not."""
    return fill(
        '<svg class="wires" viewBox="0 0 {w} {h}" preserveAspectRatio="none" aria-hidden="true">{paths}</svg>',
        w=f"{layout.width:.1f}",
        h=f"{HEIGHT:g}",
        paths=joined(
            fill('<path d="{d}" data-from="{a}" data-to="{b}"/>', d=path(line), a=line.source, b=line.end)
            for line in layout.lines
        ),
    )


def path(line: Line) -> str:
    """Write a line as an SVG path: level parts, and bends that begin and end level."""
    (x, y), *rest = line.points
    words = [f"M{x:.1f} {y:.1f}"]
    for end_x, end_y in rest:
        half = (x + end_x) / 2
        bend = f"C{half:.1f} {y:.1f} {half:.1f} {end_y:.1f} {end_x:.1f} {end_y:.1f}"
        words.append(f"H{end_x:.1f}" if y == end_y else bend)
        x, y = end_x, end_y
    return "".join(words)


def target(part: Part, stops: Mapping[str, Stop]) -> str:
    """Return the layer that a box shows on a map: the one it stands for, else the last in it that a map can show."""
    names = [layer.name for layer in part.leaves if layer.name in stops]
    wanted = face_of(part).name
    return wanted if wanted in stops else (names[-1] if names else "")


def _stop(part: Part, layout: Layout, look: Look, labelled: bool, place: int) -> Markup:
    box = layout.boxes[part.key]
    inside = {each.name for each in part.leaves}
    shown = target(part, look.stops)
    pinned = [pin for pin, pin_layer in look.pins.items() if pin_layer in inside]
    words = _words(part, look)
    return fill(
        '<button class="stop {classes}" type="button" data-act="layer" data-value="{target}" '
        'data-key="{key}" style="{style}" aria-label="{words}" aria-pressed="{pressed}" '
        'aria-disabled="{off}">{box}{pins} {label}</button>{card}{fold}',
        classes=" ".join(_classes(part, box, bool(pinned), labelled)),
        target=quoted(shown),
        key=quoted(part.key),
        style=_place(box, layout),
        words=plain(". ".join([*_seen(part, look, pinned, labelled), *words]), 300),
        pressed="true" if pinned else "false",
        off="false" if shown else "true",
        box=_box(part, box, place),
        pins=_pins(pinned),
        label=_label(part, look) if labelled else "",
        card=_card(part, box, layout, look),
        fold=_fold(part, box, layout) if isinstance(part, Group) else "",
    )


def _classes(part: Part, box: Box, pinned: bool, labelled: bool) -> list[str]:
    names = {"on": pinned, "bar": boxes.is_bar(part), "whole": labelled, "small": box.height < 16}
    return [each for each, there in names.items() if there]


def _place(box: Box, layout: Layout) -> str:
    """Say where a box stands: across as a share of the strip, everything else in pixels."""
    return (
        f"--x:{100 * box.x / layout.width:.3f}%;--w:{100 * box.room / layout.width:.3f}%;--y:{box.y / HEIGHT:.4f};"
        f"--bw:{box.width:.1f}px;--bh:{box.height:.1f}px;--o:{box.over:.1f}px"
    )


def _box(part: Part, box: Box, place: int) -> Markup:
    """Draw a face, and the sheets behind it."""
    layer = face_of(part)
    many = boxes.sheets(layer) if box.over else 0
    step = box.over / max(many, 1)
    shadows = (
        fill(
            "calc({d}px * var(--s)) calc(-{d}px * var(--s)) 0 -1px var(--nn-fill), calc({d}px * var(--s)) "
            "calc(-{d}px * var(--s)) 0 0 var(--nn-line2)",
            d=f"{step * at:.1f}",
        )
        for at in range(1, many + 1)
    )
    face = "" if boxes.is_bar(part) else fill('<i class="face" data-face="{at}"></i>', at=place)
    return fill(
        '<i class="box" style="box-shadow:{shadow}">{face}</i>',
        shadow=Markup(", ").join(shadows) or "none",
        face=face,
    )


def _pins(pinned: list[str]) -> Markup:
    pins = joined(fill('<span class="pin">{pin}</span> ', pin=pin) for pin in pinned)
    return fill('<span class="pins">{pins}</span>', pins=pins) if pinned else pins


def _label(part: Part, look: Look) -> Markup:
    return fill(
        '<span class="say"><span class="b cut"><bdi>{title}</bdi></span> <span class="cap line">'
        '<span class="cut dims {long}">{dims}</span> {value}</span></span>',
        title=short(title_of(part), boxes.SIGNS),
        dims=boxes.shape_words(face_of(part)),
        long="long" if face_of(part).spatial else "",
        value=_value(part, look),
    )


def _seen(part: Part, look: Look, pinned: list[str], labelled: bool) -> list[str]:
    """Return what stands at a box, in its order: who says to the browser what they see reaches it."""
    layer = face_of(part).name
    label = [short(title_of(part), boxes.SIGNS), boxes.shape_words(face_of(part))] if labelled else []
    value = [look.values[layer]] if labelled and layer in look.values and layer not in look.busy else []
    words = " ".join([*pinned, *label, *value])
    return [words] if words else []


def _value(part: Part, look: Look) -> Markup:
    """Write the measure of a box; a moving bar while it is computed."""
    layer = face_of(part).name
    if layer in look.busy:
        return fill('<i class="going"></i>')
    return fill('<b class="figure">{v}</b>', v=look.values[layer]) if layer in look.values else Markup("")


def _words(part: Part, look: Look) -> list[str]:
    """Say what is known of a box, for its card and for screen readers."""
    layer, parameters = face_of(part), sum(each.parameters for each in part.leaves)
    stop = look.stops.get(target(part, look.stops))
    many = f", {len(part.leaves)} layers" if isinstance(part, Group) else ""
    lines = [
        f"{plain(title_of(part), 64)}: {plain(layer.kind)}{many}",
        f"output {'×'.join(map(str, layer.shape)) or 'unknown'}",
        f"{count(parameters)} parameters" if layer.name != INPUT else "the pixels",
    ]
    lines += [stop.held] if stop is not None else ["not in the run, so no map shows it"]
    if layer.name in look.values:
        lines.append(f"{look.measure} {look.values[layer.name]}")
    return lines


def _card(part: Part, box: Box, layout: Layout, look: Look) -> Markup:
    title, *facts = _words(part, look)
    shown = target(part, look.stops)
    other = "" if shown in ("", face_of(part).name) else f"shows {plain(shown)} · "
    return fill(
        '<span class="hover" aria-hidden="true" style="--x:{x}%"><span class="card" style="margin-left:{m}px">'
        '<b><bdi>{title}</bdi></b>{facts}<span class="cap">{other}{how}</span></span></span>',
        x=f"{100 * box.x / layout.width:.3f}",
        m=f"{-CARD * box.x / layout.width:.0f}",
        title=title,
        facts=joined(fill("<span>{fact}</span>", fact=fact) for fact in facts),
        other=other,
        how="click: map A · shift click: map B" if shown else "",
    )


def _fold(part: Group, box: Box, layout: Layout) -> Markup:
    """Return the button that unfolds a box."""
    words = f"unfold {plain(title_of(part), 64)}: {len(part.leaves)} layers"
    return fill(
        '<button class="fold {kind}" type="button" data-aside data-act="fold" data-value="{key}" data-key="fold {key}" '
        'style="{style}" title="{words}" aria-label="{words}" aria-expanded="false">+</button>',
        kind=part.kind,
        key=quoted(part.key),
        style=_place(box, layout),
        words=words,
    )


def _frame(group: Group, layout: Layout, scene: Scene, look: Look, worded: bool) -> Markup:
    """Draw a frame around an open group, with the button that folds it."""
    inside = [layout.boxes[part.key] for part in scene.shown if set(part.leaves) <= set(group.leaves)]
    left = min(box.x - box.room / 2 for box in inside)
    right = max(box.x + box.room / 2 for box in inside)
    words = f"fold {plain(title_of(group), 64)} into one box"
    return fill(
        '<span class="frame {kind}" style="left:{left}%;width:{width}%">{label}<button class="fold" '
        'type="button" data-aside data-act="fold" data-value="{key}" data-key="fold {key}" title="{words}" '
        'aria-label="{words}" aria-expanded="true">−</button></span>',
        kind=f"{group.kind} {'on' if target(group, look.stops) in look.pins.values() else ''}",
        left=f"{100 * left / layout.width:.3f}",
        width=f"{100 * (right - left) / layout.width:.3f}",
        label=_frame_label(group, look) if worded else "",
        key=quoted(group.key),
        words=words,
    )


def _frame_label(group: Group, look: Look) -> Markup:
    """Return the words of a frame, which show the group's output on a map."""
    shown = target(group, look.stops)
    words = plain(". ".join([*_seen(group, look, [], True), *_words(group, look)]), 300)
    return fill(
        '<button class="whose" type="button" data-act="layer" data-value="{layer}" data-key="whose {key}" '
        'aria-label="{words}" title="{words}" aria-disabled="{off}">{label}</button>',
        layer=quoted(shown),
        key=quoted(group.key),
        words=words,
        off="false" if shown else "true",
        label=_label(group, look),
    )
