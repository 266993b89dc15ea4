"""What the inspector shows of the focused sample, from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnlens.ui.core.catalog import Catalog
from nnlens.ui.core.taking import cornered
from nnlens.ui.core.walk import Walk
from nnlens.ui.core.work import Work
from nnlens.ui.inspector.attributions import Attributions
from nnlens.ui.inspector.kept import keep
from nnlens.ui.inspector.looking import Looking
from nnlens.ui.inspector.neighborhood import Neighborhood
from nnlens.ui.inspector.sample import Inspector
from nnlens.ui.inspector.taking import maps_out
from nnlens.ui.look.parts import WIDE
from nnlens.ui.maps.projecting import Projecting


def inspector_views(
    work: Work,
    walk: Walk,
    projecting: Projecting,
    catalog: Catalog,
    places: Callable[[int], dict[str, list[float]]],
) -> list[Any]:
    """Build the parts of the inspector.

    Parameters
    ----------
    work : Work
    walk : Walk
    projecting : Projecting
    catalog : Catalog
    places : callable
        Tells where each map shows the sample at a position.
    """
    session = projecting.session
    looking = Looking(session, projecting, catalog.attributions, projecting.layers)
    views: list[Any] = [Inspector(session, walk, places, looking).view]
    if catalog.attributions:
        explained = Attributions(session, work, looking, catalog.checks)
        keep(session, looking, catalog.checks)
        views.append(cornered(explained.view, maps_out(explained), **WIDE))
    if catalog.neighbors:
        views.append(Neighborhood(session, work, projecting, catalog, looking).view)
    return views
