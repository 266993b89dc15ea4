"""The two maps: every sample of the run as a point, drawn on the server as one byte a pixel.

::

    area = ProjectionMap(session, "a")
    area.set_result(lens.run("pca", layer="fc1"))
    area.panel()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import xarray as xr
from bokeh.events import PointEvent

from nnlens.state import FRONT, TOOLS
from nnlens.ui.core.pinning import toggle
from nnlens.ui.core.regions import in_region, rounded
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Which
from nnlens.ui.core.take_out import TakeOut
from nnlens.ui.core.turning import moved
from nnlens.ui.maps.drawing import Drawing
from nnlens.ui.maps.frame import MapFrame
from nnlens.ui.maps.gestures import held
from nnlens.ui.maps.inset import Inset
from nnlens.ui.maps.scene import Scene
from nnlens.ui.maps.taking import map_downloads
from nnlens.ui.maps.views import Views

HOVER_REACH = 16
"""Pixels between a resting pointer and a sample that it still means."""
DEGREES = 0.5
"""How far a body turns for each pixel that it is dragged."""
SAME_PLACE = 8
"""Pixels between the two taps of a double one."""


class ProjectionMap:
    """A scatter map of a projection that can be brushed, tapped, hovered and zoomed.

    Parameters
    ----------
    session : Session
        Whose state it writes to and follows.
    which : {"a", "b"}
        Which of the two maps it is: its pin, its place in the state.

    Attributes
    ----------
    foot : panel Row
        The left part of the line under the map: the shell may put facts or a job's progress in it.
    tools : panel Row
        The right part of the head, shown while the pointer is over the pane: the shell may add buttons.
    notice : panel Column
        Lies over the middle of the map, hidden until made visible: the shell may put anything in it.
    """

    def __init__(self, session: Session, which: Which = "a") -> None:
        self.session = session
        self.which = which
        self.scene = Scene(session.data, session.colors)
        self.views = Views(session, which, self.scene)
        self._inset = Inset(self.scene)
        self.frame = MapFrame(session, which, on_tool=self._tool)
        self.foot, self.tools, self.notice = self.frame.foot, self.frame.tools, self.frame.notice
        handlers: dict[str, Callable[[Any], None]] = {
            "lasso": self._lasso, "box": self._box, "hover": self._point, "screen": self._screen,
            "tap": self._tap, "double": self._double_tap, "turn": self._rotate,
        }  # fmt: skip
        self.drawing = Drawing(session, self.scene, which, handlers)
        self.tools.append(TakeOut(session, "take this map out", map_downloads(session, self.scene)))
        self._partial = self._resting = False
        self._tapped: tuple[float, float, int | None] = (0.0, 0.0, None)
        self._follow()

    def _follow(self) -> None:
        """Have the state's changes drawn: selection, focus and hover by pushes, the rest by drawing again."""
        state, hub, guard = self.session.state, self.session.hub, self.session.guard
        again = guard(lambda *_: self._redraw())
        state.param.watch(again, ["visible", "color_by"])
        state.param.watch(guard(self._changed), f"map_{self.which}")
        self.session.param.watch(again, "theme")
        hub.register(f"map {self.which}", self.drawing.push)
        hub.register(f"focus {self.which}", lambda sample: self.drawing.ring("focus", sample), "focus")
        hub.register(f"hover {self.which}", self._rest, "hover")
        hub.register(f"pinned {self.which}", lambda _: self.drawing.pinned(), "pinned")

    # --- for the shell -------------------------------------------------------------------------------------------
    def panel(self) -> pn.Column:
        """Build the pane, the same one each time: head of 44 px, map, foot of 28 px; stretches in both directions."""
        if self.frame.empty:
            self.frame.fill(self.drawing.plot())
        return self.frame.column

    def set_result(self, result: xr.Dataset | None, partial: bool = False, of: str = "") -> None:
        """Show a projection; its title and caption come from its attributes.

        Parameters
        ----------
        result : Dataset or None
            With ``projection`` (sample, component). None shows the empty state.
        partial : bool
            Whether it is a picture of a running job: tagged, and what is in view stays.
        of : str
            Of which samples it was made, for its title; nothing where it is all of them.
        """
        projection = None if result is None else self.session.data.projection(result)
        # pictures of a job, and what comes of it, grow out of each other: a view that was chosen stays
        stays = projection is self.scene.solid or (self._partial and self.views.chosen)
        self._partial = partial
        self.scene.take(projection, self.views.state.turn)
        self.frame.title(projection, partial, of)
        self._press()
        with pn.io.hold():
            if not stays:
                self.drawing.move(self.views.first())
            self._redraw()
        self.session.resume()

    def set_awaited(self, title: str) -> None:
        """Say in the head which map is being computed, where none is drawn; what is drawn keeps its own title."""
        if self.scene.projection is None:
            self.frame.awaits(title)

    def set_note(self, text: str, hint: str = "") -> None:
        """Lay words over the map, as where there is no projection yet; the empty text takes them away."""
        self.frame.note(text, hint)

    def set_facts(self, text: str) -> None:
        """Write the left part of the foot, such as the quality of the projection; plain text."""
        self.frame.facts(text)

    def home(self, front: bool = False) -> None:
        """Show the whole projection, and from the front if asked."""
        with pn.io.hold():
            self.views.keep(turn=FRONT if front else self.views.state.turn)
            self.views.remember(None)
            self.drawing.move(self.views.set(self.views.whole()))
            self._turn()

    # --- the view ------------------------------------------------------------------------------------------------
    def _screen(self, message: list[float]) -> None:
        """Hear that the browser shows another range, or has another size; what Panel is told too early, it loses."""
        pn.state.onload(self.session.guard(lambda: self._seen(message)))

    def _seen(self, message: list[float]) -> None:
        x0, y0, x1, y1, width, height = message
        view, size = (x0, y0, x1, y1), (int(width), int(height))
        if self.scene.sized and view == self.scene.view and size == (self.scene.width, self.scene.height):
            return
        self.scene.sized = True
        if self.views.heard(view):
            self.drawing.seen(view, *size)
            self._turn()

    # --- drawing -------------------------------------------------------------------------------------------------
    def _redraw(self) -> None:
        state, scene = self.session.state, self.scene
        scene.show(scene.projection, state.color_of(self.which), state.visible)
        with pn.io.hold():
            self.drawing.redraw()
            self._tell()

    def _turn(self) -> None:
        """Show another part of the same."""
        with pn.io.hold():
            self.drawing.push_view()
            self._tell()

    def _tell(self) -> None:
        """Say how many samples are in view, and where that is."""
        scene, whole = self.scene, self.views.whole()
        self.frame.seen(len(scene), scene.mode)
        hidden = "All classes are switched off." if not len(scene.rows()) else "A double click shows all."
        waits = scene.projection is None or not scene.sized  # until the browser says how large the map is
        self.frame.blank("" if waits or len(scene) else "Nothing in view", hidden)
        self.frame.inset(self._inset.address(self.drawing.palette(), whole), scene.view, whole)

    def _changed(self, event: Any) -> None:
        """Draw again when the map's own coloring changed, turn when its turn did; not when its range did."""
        if event.old.color_by != event.new.color_by:
            self._redraw()
        if event.new.turn != self.scene.turn:
            self.scene.rotate(event.new.turn)
            self._turn()
        if event.old.tool != event.new.tool:
            self._press()

    def _rest(self, sample: int | None) -> None:
        """Mark the hovered sample in both maps; the card is shown where the pointer is."""
        scene = self.scene
        self.drawing.ring("rest", sample)
        place = scene.place(sample) if self._resting else None
        if place is None:
            self.frame.card(None)
            return
        at = ((place[0] - scene.view[0]) / scene.unit(), (scene.view[3] - place[1]) / scene.unit())
        self.frame.card(sample, at, (scene.width, scene.height))

    # --- gestures ------------------------------------------------------------------------------------------------
    def _tool(self, name: str) -> None:
        if name == "home":
            self.home(front=True)
        elif name in TOOLS:
            self.views.keep(tool=name)

    def _press(self) -> None:
        """Have a drag do what the state says, where the map can; what is flat is not turned."""
        tool = self.views.state.tool if self.scene.turns or self.views.state.tool != "turn" else TOOLS[0]
        with pn.io.hold():  # in this order, so that a pressed button is true
            self.drawing.choose(tool)
            self.frame.press(tool, self.scene.turns)

    def _rotate(self, message: Mapping[str, Any]) -> None:
        """Turn by a drag or a key; what has come to rest is kept in the state, and so in the address."""
        across, up = (DEGREES * float(pixels) for pixels in message["by"])
        turn = FRONT if message["front"] else moved(self.scene.turn, across, up)
        with pn.io.hold():
            if turn != self.scene.turn and self.scene.turns:
                self.scene.rotate(turn)
                self._turn()
            self.drawing.answer()
        if message["rest"]:
            self.views.keep(turn=self.scene.turn)

    def _lasso(self, message: Mapping[str, Any]) -> None:
        self._select({"kind": "lasso", "corners": rounded(message["corners"])}, message["mode"])

    def _box(self, message: Mapping[str, Any]) -> None:
        self._select({"kind": "box", "box": [float(end) for end in message["box"]]}, message["mode"])

    def _select(self, origin: dict[str, Any], mode: Any) -> None:
        """Select what lies in a region and is shown: what is hidden cannot have been meant."""
        projection, scene = self.scene.projection, self.scene
        if projection is None:
            return
        rows = scene.rows()
        inside = in_region(projection.x[rows], projection.y[rows], origin)
        origin |= {"map": self.which, "projection": projection.key}
        origin |= {"turn": list(scene.turn)} if scene.turns else {}
        if scene.visible is not None:
            variable = "prediction" if scene.by == "prediction" else "label"
            origin["among"] = {"variable": variable, "classes": list(scene.visible)}
        mask = self.session.data.mask(projection.positions[rows[inside]])
        self.session.state.select(mask, origin, mode)

    def _tap(self, event: PointEvent) -> None:
        state = self.session.state
        self._tapped = (event.sx, event.sy, state.focus)
        nearest = self.scene.nearest(event.x, event.y)
        if nearest is None:
            return
        if held(event) == "add":
            toggle(self.session, nearest)
        else:
            state.focus = nearest

    def _double_tap(self, event: PointEvent) -> None:
        """Go home; the first tap of the two was not meant. Bokeh calls two quick taps double wherever they are."""
        x, y, focus = self._tapped
        if math.hypot(event.sx - x, event.sy - y) > SAME_PLACE:
            self._tap(event)
            return
        self.session.state.focus = focus
        self.home()

    def _point(self, at: list[float] | None) -> None:
        """Hear that the pointer rests, or does no longer."""
        self._resting = at is not None
        self.session.state.hover = None if at is None else self.scene.nearest(at[0], at[1], HOVER_REACH)
