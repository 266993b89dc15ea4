"""The text summary of a network: one line a layer, as on paper."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from nnlens.models.base import LayerInfo
from nnlens.ui.core.session import Session
from nnlens.ui.look.parts import empty
from nnlens.ui.look.text import count, fill, joined, name, plain, quoted

HEADS = ("layer", "kind", "output", "parameters", "input")
INPUTS = 3
"""Inputs that are named; of more the number."""


def model_summary(session: Session) -> Markup:
    """Draw the table of all layers, with a button that copies it as text."""
    store = session.lens.store if session.lens else None
    if store is None or not store.has_model:
        return empty("No network", "This run was made of embeddings, without a network.")
    model = store.metadata.get("model", {})
    total = sum(layer.parameters for layer in store.graph)
    return fill(
        '<div class="summary"><div class="h3"><span class="cut">{title}</span><button class="do" type="button" '
        'data-copy="{text}">Copy as text</button></div><div class="sec">{facts}</div>'
        "<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>",
        title=name(model.get("name", store.name)),
        text=quoted(as_text(store.graph)),
        facts=f"{count(len(store.graph))} layers · {count(total)} parameters",
        heads=joined(fill("<th>{head}</th>", head=head) for head in HEADS),
        rows=joined(map(_row, store.graph)),
    )


def _row(layer: LayerInfo) -> Markup:
    own, kind, shape, parameters, inputs = _cells(layer)
    return fill(
        '<tr><td title="{full}"><bdi>{own}</bdi></td><td>{kind}</td><td>{shape}</td><td class="num">{parameters}</td>'
        "<td><bdi>{inputs}</bdi></td></tr>",
        full=quoted(layer.name),
        own=own,
        kind=kind,
        shape=shape,
        parameters=parameters,
        inputs=inputs,
    )


def _cells(layer: LayerInfo) -> tuple[str, str, str, str, str]:
    named = [plain(source, 40) for source in layer.inputs]
    inputs = ", ".join(named) if len(named) <= INPUTS else f"{named[0]} and {len(named) - 1} more"
    shape = "×".join(map(str, layer.shape))
    return plain(layer.name), plain(layer.kind, 32), shape, count(layer.parameters), inputs


def as_text(layers: Sequence[LayerInfo]) -> str:
    """Write the table in columns of equal width, with the sum of parameters."""
    rows = [HEADS, *map(_cells, layers)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    total = count(sum(layer.parameters for layer in layers))
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", f"{total} parameters"])
