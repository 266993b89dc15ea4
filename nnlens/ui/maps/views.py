"""Which part of a map is in view: the whole, what an address asks for, or what a person looked at closer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nnlens.state import Extent, MapState
from nnlens.ui.core.regions import fitted
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Which
from nnlens.ui.maps.scene import Scene

SAME = 1e-3
"""Share of the view by which two views may differ and still be the same."""
ECHOES = 60
"""Views that were set of late: the browser tells of each once more, and of those of a running job too late."""


class Views:
    """Keeps the view of one map, in the state and between pictures of a job.

    Parameters
    ----------
    session : Session
    which : {"a", "b"}
    scene : Scene
    """

    def __init__(self, session: Session, which: Which, scene: Scene) -> None:
        self.session, self.which, self.scene = session, which, scene
        self._noted: Extent | None = None
        self._set: deque[Extent] = deque(maxlen=ECHOES)

    @property
    def state(self) -> MapState:
        """What the map is asked to show, and how it is looked at."""
        return self.session.state.map_a if self.which == "a" else self.session.state.map_b

    @property
    def chosen(self) -> bool:
        """Whether a person chose what is in view, or an address did."""
        return self._noted is not None

    def keep(self, **changes: Any) -> None:
        """Write into the state how the map is looked at."""
        changed = replace(self.state, **changes)
        if changed != self.state:
            self.session.state.param.update(**{f"map_{self.which}": changed})

    def whole(self) -> Extent:
        """Return the view that holds all of the projection."""
        projection = self.scene.projection
        extent = (-1.0, -1.0, 1.0, 1.0) if projection is None else projection.extent
        return fitted(extent, self.scene.width, self.scene.height)

    def first(self) -> Extent:
        """Choose what a new projection shows: what the address asks for, or all of it; never where another one was."""
        asked = self.state.extent
        if self.scene.projection is None:
            return self.set(self.whole())
        if asked is not None and (asked == self._noted or not self.scene.holds(asked)):
            self.keep(extent=None)
            asked = None
        self._noted = asked
        return self.set(self.whole() if asked is None else fitted(asked, self.scene.width, self.scene.height))

    def set(self, view: Extent) -> Extent:
        """Take note of a view that the browser is told, and return it."""
        self._set.append(view)
        return view

    def heard(self, view: Extent) -> bool:
        """Hear of a view from the browser; return whether it is true, and no late word on one that was set before."""
        if self._set and _same(view, self._set[-1]):
            return True
        if any(_same(view, each) for each in self._set):
            return False
        self._set.clear()
        if self.scene.projection is not None:
            self.remember(None if _near(view, self.whole()) else view)
        return True

    def remember(self, view: Extent | None) -> None:
        """Keep in the state what is in view, when it is not everything."""
        if view is not None:
            x0, y0, x1, y1 = (float(f"{end:.5g}") for end in view)
            view = (x0, y0, x1, y1)
        self._noted = view
        self.keep(extent=view)


def _near(view: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= SAME * (view[2] - view[0]) for a, b in zip(view, other, strict=True))


def _same(view: Extent, told: Extent) -> bool:
    """Whether a view is the one told, widened by the browser to its own shape: middle and shorter side stay."""
    return _near(_core(view), _core(told))


def _core(view: Extent) -> Extent:
    x0, y0, x1, y1 = view
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, min(x1 - x0, y1 - y0) / 2
    return (x - half, y - half, x + half, y + half)
