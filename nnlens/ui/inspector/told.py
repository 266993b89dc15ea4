"""What a map was made of, in words: from the result that is drawn, never from the controls above it."""

from __future__ import annotations

import xarray as xr

from nnlens.ui.core.session import Session
from nnlens.ui.look.text import plain

LONG = 28
"""Letters of a layer or a class."""


def about(session: Session, result: xr.Dataset) -> str:
    """Say on which layer a map was computed, and what it explains.

    Parameters
    ----------
    session : Session
        Which knows the names of classes.
    result : Dataset
        With the attribute ``layer``; ``target`` (sample), a class, or what its own attribute ``layer`` has by number.
    """
    layer, of = str(result.attrs.get("layer", "")), _explained_layer(result)
    told = [f"layer {plain(layer, LONG)}" if layer and layer != of else "", explained(session, result)]
    return " · ".join(filter(None, told))


def explained(session: Session, result: xr.Dataset) -> str:
    """Say which class is explained, and why this one; or which channel."""
    if "target" not in result:
        return ""
    number, of = int(result["target"].values[0]), _explained_layer(result)
    if of:
        return f"channel {number} of {plain(of, LONG)}"
    if number < 0:
        return "no label"
    why = {"": " (predicted)", "label": " (its label)"}.get(str(result.attrs.get("target", "")), "")
    return f"for {plain(session.data.class_name(number), LONG)}{why}"


def _explained_layer(result: xr.Dataset) -> str:
    """Return the layer whose channel is explained; nothing of a class."""
    return str(result["target"].attrs.get("layer", "")) if "target" in result else ""
