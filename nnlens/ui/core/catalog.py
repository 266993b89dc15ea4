"""Which analyses can do what on the page, told by what they require and provide; their names play no part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nnlens.analysis import Analysis, wants_layer
from nnlens.errors import PluginError
from nnlens.registry import PluginInfo, Registry
from nnlens.registry.discovery import MODELS, RULES, SAMPLES, VIEWS
from nnlens.schema import Dims
from nnlens.ui.look.text import plain
from nnlens.view import Page

PROJECTION: Mapping[str, Dims] = {"projection": ("sample", "component")}
ATTRIBUTIONS: tuple[Mapping[str, Dims], ...] = (
    {"attribution": ("sample", "y", "x")},
    {"attribution": ("sample", "channel", "y", "x")},
)
FEATURE_MAPS: Mapping[str, Dims] = {
    "feature_map": ("sample", "channel", "y", "x"),
    "low": ("sample", "channel"),
    "high": ("sample", "channel"),
}
CHANNEL_VALUES: Mapping[str, Dims] = {"channel_value": ("sample", "channel", "y", "x")}
TOP_SAMPLES: Mapping[str, Dims] = {"rank_sample": ("channel", "rank")}
OF_CHANNELS: tuple[Dims, ...] = (("channel",), ("sample", "channel"))
"""Dims of what says one number of each channel."""
LAYER_MEANS: Mapping[str, Dims] = {"layer_mean": ("sample", "layer", "y", "x")}
DEAD: Mapping[str, Dims] = {"dead": ("channel",)}
NEIGHBORS: Mapping[str, Dims] = {"neighbor": ("sample", "rank")}
SHARED: Mapping[str, Dims] = {
    "name": ("effect",),
    "shift": ("effect",),
    "matched_z": ("effect",),
    "any_z": ("effect",),
    "value": ("sample", "effect"),
}
"""What says how chosen samples differ from the rest."""
SAMPLE_SCORES = ("label_error", "hardness")
"""What says of each sample how little its label fits, and how hard it is."""
SEARCH: Mapping[str, Dims] = {
    "vector": ("sample", "component"),
    "axis": ("component", "channel"),
    "center": ("channel",),
}
"""A space to look for similar samples in, into which a picture from outside can be brought as well."""


@dataclass(frozen=True)
class Tool:
    """An analysis that can be used.

    Attributes
    ----------
    info : PluginInfo
    cls : type of Analysis
    """

    info: PluginInfo
    cls: type[Analysis]

    @property
    def id(self) -> str:
        """``dist:name``."""
        return self.info.id

    @property
    def title(self) -> str:
        """What menus call it."""
        return plain(self.cls.title or self.cls.__name__, 32)

    @property
    def doc(self) -> str:
        """The first line of what its author says of it."""
        return plain((self.cls.__doc__ or "").strip().partition("\n")[0] or self.title, 200)

    @property
    def on_layer(self) -> bool:
        """Whether it works on a layer."""
        return wants_layer(self.cls)

    def provides(self, wanted: Mapping[str, Dims]) -> bool:
        """Whether its results have these variables with these dims."""
        given = {name: tuple(dims) for name, dims in self.cls.provides.items()}
        return all(given.get(name) == tuple(dims) for name, dims in wanted.items())


class Catalog:
    """The usable analyses of a registry, by what the page needs them for.

    Parameters
    ----------
    registry : Registry
    """

    def __init__(self, registry: Registry) -> None:
        self.plugins = registry.list_plugins(load=True)
        self.listed = [
            *self.plugins,
            *registry.list_plugins(VIEWS, load=True),
            *registry.list_plugins(RULES, load=True),
            *registry.list_plugins(MODELS),
            *registry.list_plugins(SAMPLES),
        ]
        self.registry = registry
        self.tools = sorted(_usable(registry, self.plugins), key=_rank)

    def tool(self, analysis: str) -> Tool | None:
        """Find a tool by ``dist:name``, or by its short name where that is clear."""
        exact = [tool for tool in self.tools if tool.id == analysis]
        short = [tool for tool in self.tools if tool.info.name == analysis]
        return next(iter(exact or (short if len(short) == 1 else [])), None)

    @cached_property
    def pages(self) -> list[tuple[PluginInfo, type[Page]]]:
        """The pages that plugins bring, each a tab."""
        usable = [info for info in self.listed if info.group == VIEWS and info.error is None]
        classes = [(info, self.registry.load(info.id, VIEWS)) for info in usable]
        return [(info, cls) for info, cls in classes if issubclass(cls, Page)]

    @cached_property
    def projections(self) -> list[Tool]:
        """What can draw a map of a layer, the best first."""
        return [tool for tool in self.tools if tool.cls.scope == "dataset" and tool.provides(PROJECTION)]

    @cached_property
    def scorers(self) -> list[Tool]:
        """What gives every sample of a run a number of its own, whatever the layer."""
        return [
            tool
            for tool in self.tools
            if tool.cls.scope == "dataset"
            and not tool.on_layer
            and ("sample",) in map(tuple, tool.cls.provides.values())
        ]

    @cached_property
    def judges(self) -> list[Tool]:
        """What gives numbers on a projection, for the line under a map."""
        return [
            tool
            for tool in self.tools
            if "projection" in tool.cls.requires and tool.cls.provides and not any(tool.cls.provides.values())
        ]

    @cached_property
    def attributions(self) -> list[Tool]:
        """What explains one sample."""
        return [
            tool
            for tool in self.tools
            if tool.cls.scope == "sample" and any(tool.provides(a) for a in ATTRIBUTIONS)
        ]

    @cached_property
    def checks(self) -> list[Tool]:
        """What judges an explanation of one sample, whichever method made it."""
        return [
            tool for tool in self.tools if tool.cls.scope == "sample" and "attribution" in tool.cls.requires
        ]

    @cached_property
    def neighbors(self) -> list[Tool]:
        """What finds the samples that are closest to each."""
        return [tool for tool in self.tools if tool.cls.scope == "dataset" and tool.provides(NEIGHBORS)]

    @cached_property
    def feature_maps(self) -> list[Tool]:
        """What draws all channels of a layer for one sample."""
        return [tool for tool in self.tools if tool.cls.scope == "sample" and tool.provides(FEATURE_MAPS)]

    @cached_property
    def channel_values(self) -> list[Tool]:
        """What gives the values of a channel as they are."""
        return [tool for tool in self.tools if tool.cls.scope == "sample" and tool.provides(CHANNEL_VALUES)]

    @cached_property
    def top_samples(self) -> list[Tool]:
        """What finds the samples that drive each channel most."""
        return [tool for tool in self.tools if tool.cls.scope == "dataset" and tool.provides(TOP_SAMPLES)]

    @cached_property
    def channel_measures(self) -> list[Tool]:
        """What says a number of each channel of a layer, over all samples."""
        return [
            tool
            for tool in self.tools
            if tool.cls.scope == "dataset"
            and tool.on_layer
            and not tool.provides(SEARCH)  # its center is a number of each channel, and says nothing of one
            and any(tuple(dims) in OF_CHANNELS for dims in tool.cls.provides.values())
        ]

    @cached_property
    def layer_means(self) -> list[Tool]:
        """What gives the mean over channels of every layer of one sample."""
        return [tool for tool in self.tools if tool.cls.scope == "sample" and tool.provides(LAYER_MEANS)]

    @cached_property
    def measures(self) -> list[Tool]:
        """What gives a number on a layer: a single one, or the share of channels that are dead."""
        return [
            tool
            for tool in self.tools
            if tool.cls.scope == "dataset"
            and "projection" not in tool.cls.requires
            and (tool.provides(DEAD) or (tool.cls.provides and not any(tool.cls.provides.values())))
        ]

    @cached_property
    def others(self) -> list[Tool]:
        """All else on the whole data set: each gets controls and a face in the tab of analyses."""
        used = {tool.id for tool in (*self.projections, *self.judges, *self.searches)}
        whole = [tool for tool in self.tools if tool.cls.scope == "dataset" and not tool.cls.against_rest]
        return [tool for tool in whole if tool.id not in used]

    @cached_property
    def searches(self) -> list[Tool]:
        """What gives a space to look for similar samples in."""
        return [tool for tool in self.tools if tool.cls.scope == "dataset" and tool.provides(SEARCH)]

    @cached_property
    def sample_scores(self) -> dict[str, Tool]:
        """What ranks all samples without being told a layer, by the variable that it gives."""
        whole = [tool for tool in self.tools if tool.cls.scope == "dataset" and not tool.on_layer]
        found = {
            score: next((tool for tool in whole if tool.provides({score: ("sample",)})), None)
            for score in SAMPLE_SCORES
        }
        return {score: tool for score, tool in found.items() if tool is not None}

    @cached_property
    def shared(self) -> list[Tool]:
        """What says how the selected samples differ from the others."""
        return [tool for tool in self.tools if tool.cls.against_rest and tool.provides(SHARED)]


def _rank(tool: Tool) -> tuple[int, str, str]:
    """Order by priority, then by the title that menus show: a package may call it what it likes."""
    return -tool.cls.priority, tool.title, tool.id


def _usable(registry: Registry, plugins: list[PluginInfo]) -> list[Tool]:
    found = []
    for info in plugins:
        if info.error is None:
            try:
                found.append(Tool(info, registry.load_analysis(info.id)))
            except PluginError:  # listed as broken from its first load on; the list of plugins shows why
                continue
    return found
