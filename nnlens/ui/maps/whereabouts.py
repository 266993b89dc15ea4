"""Where a sample lies on the maps, for its record."""

from __future__ import annotations

from nnlens.ui.maps.projecting import MAPS, Projecting


def places(projecting: Projecting, position: int) -> dict[str, list[float]]:
    """Return where each map shows a sample, by the map's title."""
    found = {}
    for which in MAPS:
        result = projecting.places[which].result
        projection = None if result is None else projecting.session.data.projection(result)
        row = -1 if projection is None else int(projection.row[position])
        if projection is not None and row >= 0:
            axes = (projection.x, projection.y, projection.z)
            found[projection.title] = [float(axis[row]) for axis in axes if axis is not None]
    return found
