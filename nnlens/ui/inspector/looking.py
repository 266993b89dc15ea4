"""What the inspector looks at: which sample, explained by which methods, for which output. Its parts share it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import param

from nnlens.schema import INPUT
from nnlens.ui.core.catalog import Tool
from nnlens.ui.core.session import Session
from nnlens.ui.core.stops import Stop
from nnlens.ui.maps.projecting import Projecting

PREDICTED, LABEL = "", "label"
"""The targets that are no class: the predicted one, and each sample's own."""
PICTURE = "picture"
"""In place of a second method: the picture itself."""


class Looking(param.Parameterized):
    """The sample that is looked at, and how: the focus, or what the pointer rests on.

    Parameters
    ----------
    session : Session
    projecting : Projecting
        Whose map A tells the layer.
    tools : list of Tool
        What explains one sample.
    layers : list of Stop
    """

    sample = param.Integer(default=None, allow_None=True, doc="Id of the sample that is shown.")
    passing = param.Boolean(
        default=False, doc="Whether it is under a resting pointer only, and the focus comes back."
    )
    target = param.String(
        default=PREDICTED, doc="What is explained: a class by its number, or one of the words."
    )
    first = param.String(default="", doc="The method whose map is shown.")
    second = param.String(default="", doc="The method whose details are multiplied with it, or the picture.")
    layer = param.String(
        default="", doc="The layer that was chosen for methods on a layer; empty follows map A."
    )
    channel = param.Integer(default=None, allow_None=True, doc="The channel for methods that look at one.")
    values = param.Dict(default={}, doc="By method: its parameters that were set.")
    strength = param.Integer(
        default=100, bounds=(0, 100), doc="How much the map covers the picture, in percent."
    )
    view = param.String(default="first", doc="Which of the pictures is the chosen one.")
    large = param.Boolean(default=False, doc="Whether the chosen one is also shown large.")
    check = param.String(default="", doc="The check whose figures stand beside the map.")

    def __init__(
        self, session: Session, projecting: Projecting, tools: list[Tool], layers: list[Stop]
    ) -> None:
        super().__init__()
        self.session, self.projecting, self.tools = session, projecting, tools
        self.spatial = with_places(layers)
        self._lens = session.lens
        self.param.update(first=self._places(), second=self._details())
        session.hub.register("inspector", lambda sample: self._show(sample, False), "focus")
        session.hub.register("preview", self._hovered, "hover")
        self._show(session.state.focus, False)

    def _show(self, sample: int | None, passing: bool) -> None:
        there = self.session.data.position(sample) is not None
        self.param.update(sample=sample if there else None, passing=passing)

    def _hovered(self, sample: int | None) -> None:
        """Show the sample under the pointer, and give the focus back when it leaves."""
        if self.session.data.position(sample) is None:
            self._show(self.session.state.focus, False)
        else:
            self._show(sample, sample != self.session.state.focus)

    def _places(self) -> str:
        return first_method(self.tools, self.on_layer)

    def _details(self) -> str:
        """Return the method whose details go with it: the best with a value for each channel, else the picture."""
        fine = [tool for tool in self.tools if _by_channel(tool) and not self.on_layer(tool.id)]
        return fine[0].id if fine else PICTURE

    # ------------------------------------------------------------------------------------------------ what is asked
    def tool(self, analysis: str) -> Tool:
        """Return a method by ``dist:name``."""
        return next(tool for tool in self.tools if tool.id == analysis)

    def on_layer(self, analysis: str) -> bool:
        """Whether a method works on a layer, by itself or by what it runs first."""
        return self.tool(analysis).on_layer or (self._lens is not None and self._lens.wants_layer(analysis))

    def takes_channel(self, analysis: str) -> bool:
        """Whether a method looks at one channel."""
        return bool(self.tool(analysis).cls.takes_channel)

    @property
    def methods(self) -> list[str]:
        """The methods whose maps are shown."""
        return [analysis for analysis in (self.first, self.second) if analysis not in ("", PICTURE)]

    @property
    def at(self) -> str | None:
        """The layer of methods on a layer: the chosen one, else that of map A, else the last with space."""
        return layer_of(self.spatial, self.layer or self.projecting.state("a").layer)

    def output(self) -> int | str | None:
        """Return the target as the Lens takes it."""
        return (
            {PREDICTED: None, LABEL: LABEL}[self.target]
            if self.target in (PREDICTED, LABEL)
            else int(self.target)
        )

    def request(self, analysis: str) -> dict[str, Any]:
        """Return what is asked of a method."""
        asked: dict[str, Any] = {
            "sample": [self.sample],
            "target": self.output(),
            **self.values.get(analysis, {}),
        }
        if self.on_layer(analysis):
            asked["layer"] = self.at
            if self.channel is not None and self.takes_channel(analysis):
                asked["channel"] = self.channel
        return asked

    # ------------------------------------------------------------------------------------------------ what is chosen
    def choose_target(self, value: str) -> None:
        """Explain another output; what the run does not have is the predicted one."""
        known = value in (PREDICTED, LABEL) or (
            value.isdecimal() and int(value) < len(self.session.data.class_names)
        )
        self.target = value if known else PREDICTED

    def choose_layer(self, name: str) -> None:
        """Look at another layer; a channel is one of its own layer."""
        self.param.update(layer=name, channel=None)

    def choose_channel(self, text: str) -> None:
        """Look at a channel by its number; the strongest one where that is none."""
        self.channel = int(text) if text.strip().isdecimal() else None

    def set_value(self, analysis: str, name: str, text: str) -> None:
        """Set a parameter of a method; as text, which the Lens reads and checks."""
        mine: Mapping[str, Any] = {**self.values.get(analysis, {}), name: text}
        self.values = {**self.values, analysis: dict(mine)}


def with_places(layers: list[Stop]) -> list[Stop]:
    """Return the layers that a map can be of: of one place nothing can be said about places."""
    return [stop for stop in layers if stop.spatial and math.prod(stop.shape[1:]) > 1 and stop.name != INPUT]


def layer_of(layers: list[Stop], wanted: str | None) -> str | None:
    """Return the layer that is wanted where it is among these, else the last of them."""
    names = [stop.name for stop in layers]
    return wanted if wanted in names else (names[-1] if names else None)


def first_method(tools: list[Tool], on_layer: Callable[[str], bool]) -> str:
    """Return the method that begins: the best that tells places by a layer, else the best."""
    coarse = [tool for tool in tools if on_layer(tool.id) and not _by_channel(tool)]
    return (coarse or tools)[0].id if tools else ""


def _by_channel(tool: Tool) -> bool:
    return "channel" in tool.cls.provides.get("attribution", ())
