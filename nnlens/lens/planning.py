"""Where each variable that an analysis requires comes from, settled before anything is computed.

A plan is a tree: what other analyses provide has a plan and a key of its own, so that a neighbor graph or a reduced
layer is computed once and shared by analyses, processes and explorers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import xarray as xr

from nnlens.analysis import LAYER_VARIABLES, Analysis, Need, Request
from nnlens.errors import AnalysisError
from nnlens.lens.casting import complete
from nnlens.lens.choosing import LayerChoice
from nnlens.lens.keys import result_key
from nnlens.lens.layers import check_form, layer_names, layer_shape
from nnlens.lens.plan import Kind, Plan, Source, model_words
from nnlens.lens.requesting import IMAGES, find_analysis, is_key, without_model
from nnlens.lens.targets import LABEL
from nnlens.registry import Registry
from nnlens.schema import INPUT, LOGITS, POOLED_LAYERS, Dims

if TYPE_CHECKING:
    from nnlens.store import Store


COLUMNS = {
    "prediction": "predictions",
    "loss": "losses",
    "logit": "logits",
    "image": IMAGES,
}
"""What a run may lack that was made without a network, or without images."""
VECTORS = "nnlens:vectors"  # stands in a request for who is no analysis and reads the vectors of a layer


class Planner:
    """Makes plans for one run.

    Parameters
    ----------
    store : Store
    registry : Registry
    has_model : bool
        Whether layers that the run does not hold can be computed.
    find_result : callable
        Key → the result, or None where there is none.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        has_model: bool,
        find_result: Callable[[str], xr.Dataset | None],
    ) -> None:
        self.store = store
        self.registry = registry
        self.has_model = has_model
        self.find_result = find_result
        self._choice = LayerChoice(store, registry)

    def plan(self, request: Request, above: tuple[str, ...] = ()) -> Plan:
        """Settle where everything comes from.

        Parameters
        ----------
        request : Request
        above : tuple of str
            Analyses that wait for this one, and so cannot be run first.

        Raises
        ------
        AnalysisError
            If a variable cannot be had; the message says what to do.
        """
        cls = self.registry.load_analysis(request.analysis)
        results = self._results(request)
        request = self._with_layer(request, cls, results, above)
        above = (*above, request.analysis)
        sources = self._sources(request, cls, results, above)
        used = {name: key for name, source in sources.items() if (key := _part_of_key(source, name))}
        key = result_key(self.store, request, self.registry.code_version(request.analysis), used)
        return Plan(request, cls, self.registry.info(request.analysis), sources, key)

    def wants_layer(self, cls: type[Analysis], above: tuple[str, ...] = ()) -> bool:
        """Whether a request must name a layer: for its own sake, or for what is run first."""
        return self._choice.user(cls, above) is not None

    @property
    def _columns(self) -> set[str]:
        return {str(name) for name in self.store.samples.data_vars}

    def _results(self, request: Request) -> dict[str, xr.Dataset]:
        """Find the results that the request names by their keys."""
        found = {key: self.find_result(key) for key in request.using if is_key(key)}
        results = {key: result for key, result in found.items() if result is not None}
        if len(results) < len(found):
            raise AnalysisError("The result to be used no longer exists.", "Run its analysis again.")
        return results

    def _with_layer(
        self, request: Request, cls: type[Analysis], results: Mapping[str, xr.Dataset], above: tuple[str, ...]
    ) -> Request:
        """Name the layer where none is given: that of the results used, else the network's default."""
        if request.layer is not None:
            return request
        used = list(results.values())
        first = [find_analysis(self.registry, part)[1] for part in request.using if not is_key(part)]
        have = frozenset(str(name) for each in (*used, *(cls.provides for cls in first)) for name in each)
        needs, above = cls(**request.parameters).needs(), (*above, request.analysis)
        users = [
            self._choice.user(cls, above, have, needs),
            *(self._choice.user(each, above) for each in first),
        ]
        user = next(filter(None, users), None)
        if user is None:
            return request
        layers = {str(result.attrs["layer"]) for result in used if result.attrs.get("layer")}
        if len(layers) == 1:
            return replace(request, layer=layers.pop())
        default = self._choice.default(user)
        if default:
            return replace(request, layer=default)
        names = layer_names(self.store)
        listed = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        raise AnalysisError(f"{_name(request)} works on a layer.", f"Give one: {listed}.")

    def _sources(
        self, request: Request, cls: type[Analysis], results: Mapping[str, xr.Dataset], above: tuple[str, ...]
    ) -> dict[str, Source]:
        used = self._used(request, results, above)
        given = {name: source for name, source in used.items() if name in cls.requires}
        needs = cls(**request.parameters).needs()
        sources = dict(given)
        self._check_columns(cls, request, set(given) | set(needs))
        # those with a stated need first: their analysis may provide others that are required as well
        for name in sorted(set(cls.requires) - set(given), key=lambda name: (name not in needs, name)):
            if name in sources:
                continue
            source = self.source(name, cls.requires[name], request, needs.get(name), above)
            sources[name] = source
            if source.plan:
                shared = set(source.plan.cls.provides) & set(cls.requires) - set(needs)
                shared -= self._columns | LAYER_VARIABLES
                sources.update({other: source for other in shared if other not in sources})
        sources.update(self._wanted(cls, sources))
        if request.target == LABEL:  # whoever explains it needs to know it
            sources.setdefault(LABEL, Source("column"))
        named = dict.fromkeys([*cls.requires, *cls.wants, LABEL])
        return {name: sources[name] for name in named if name in sources}

    def _wanted(self, cls: type[Analysis], sources: Mapping[str, Source]) -> dict[str, Source]:
        """Tell where that comes from which an analysis can do without, as far as the run has it."""
        found = {name: Source("column") for name in cls.wants if name in self._columns}
        if POOLED_LAYERS in cls.wants and self.store.layers:
            found[POOLED_LAYERS] = Source("layers")
        return {name: source for name, source in found.items() if name not in sources}

    def _check_columns(self, cls: type[Analysis], request: Request, have: set[str]) -> None:
        """Refuse what needs columns that only a network or images fill, naming all of them at once."""
        missing = [
            name
            for name, dims in cls.requires.items()
            if name in COLUMNS
            and name not in have | self._columns
            and not self.registry.providers(name, dims)
        ]
        if missing and not self.store.has_model:
            raise without_model(cls, _name(request), [COLUMNS[name] for name in missing])

    def _used(
        self, request: Request, results: Mapping[str, xr.Dataset], above: tuple[str, ...]
    ) -> dict[str, Source]:
        """Tell which variables come from the results and the analyses that the request names."""
        sources: dict[str, Source] = {}
        for part in request.using:
            if part in results:
                sources.update({str(name): Source("result", part) for name in results[part].data_vars})
            else:
                plan = self._plan_first(part, request, Need(), above)
                sources.update({name: Source("result", plan.key, plan) for name in plan.cls.provides})
        return sources

    def source(
        self, variable: str, dims: Dims, request: Request, need: Need | None, above: tuple[str, ...]
    ) -> Source:
        """Settle where one variable comes from."""
        if need is None and variable in LAYER_VARIABLES and request.layer is not None:
            return self._layer_source(variable, dims, request, request.layer, above)
        if need is None and variable in self._columns:
            return Source("column")
        if need is None and variable == "input":
            return Source("model input")
        return self._provided(variable, dims, request, need or Need(), above)

    def _layer_source(
        self, variable: str, dims: Dims, request: Request, layer: str, above: tuple[str, ...]
    ) -> Source:
        spatial = len(layer_shape(self.store, layer)) == 3
        if variable == "pooled":
            return self._mean(layer, request)
        if variable == "activation" or not spatial:
            check_form(self.store, layer, f"{_name(request)} takes {variable}", dims)
            return Source("activation") if self._holds(layer) else self._from_model(layer, request)
        if layer == INPUT:
            return Source("pixels")
        return self._reduced(dims, request, layer, above)

    def _reduced(self, dims: Dims, request: Request, layer: str, above: tuple[str, ...]) -> Source:
        """Make vectors of a spatial layer: by the analysis that reduces it, else its mean over space."""
        reducers = [info for info in self.registry.providers("embedding", dims) if info.id not in above]
        if reducers and (self._holds(layer) or self.has_model):
            return self._provided("embedding", dims, request, Need(), above)
        return self._mean(layer, request)

    def _mean(self, layer: str, request: Request) -> Source:
        return (
            Source("pooled") if self._holds_pooled(layer) else self._from_model(layer, request, "model mean")
        )

    def _provided(
        self, variable: str, dims: Dims, request: Request, need: Need, above: tuple[str, ...]
    ) -> Source:
        """Plan the analysis that provides a variable: the one that is named, else the first that can be planned."""
        names = (
            [need.analysis]
            if need.analysis
            else [info.id for info in self.registry.providers(variable, dims)]
        )
        if not self.has_model:  # those that can be run without it first
            names.sort(key=lambda name: find_analysis(self.registry, name)[1].needs_model)
        problems: list[AnalysisError] = []
        for name in names:
            try:
                plan = self._plan_first(name, request, need, above)
                if variable in plan.cls.provides:
                    return Source("result", plan.key, plan)
                problems.append(
                    AnalysisError(f"{plan.info.name} provides no {variable}.", "Name another analysis.")
                )
            except AnalysisError as error:
                problems.append(error)
        if problems:
            raise problems[0]
        form = f"{variable} ({', '.join(dims)})"
        raise AnalysisError(
            f"{_name(request)} requires {form}, and no installed analysis provides it.",
            "Install a plugin that does, or pass a result with using=.",
        )

    def _plan_first(self, name: str, request: Request, need: Need, above: tuple[str, ...]) -> Plan:
        """Plan what is run first, with the default seed so that it is shared whatever the seed above."""
        identity, cls = find_analysis(self.registry, name)
        if identity in above:
            raise AnalysisError(
                f"{_name(request)} would have to be run before itself.", "Pass a result with using=."
            )
        parameters = complete(cls, need.parameters, identity.rpartition(":")[2])
        user = self._choice.user(cls, (*above, identity), needs=cls(**parameters).needs())
        layer = request.layer if user is not None else None
        # what explains single samples explains the same output
        target = request.target if cls.scope == "sample" else None
        asking = None if request.analysis == VECTORS else self.registry.load_analysis(request.analysis)
        apart = asking is not None and (asking.scope != "dataset" or asking.against_rest)
        sample = None if apart and cls.scope == "dataset" else request.sample
        return self.plan(Request(identity, parameters, layer, sample, target=target), above)

    def _from_model(self, layer: str, request: Request, kind: Kind = "model") -> Source:
        if self.has_model:
            return Source(kind)
        raise AnalysisError(
            f"The run does not hold {layer!r} in full, which {_name(request)} works on.",
            f"Give the model, {model_words(self.store)}, and it is computed; or capture with keep=[{layer!r}].",
        )

    def _holds(self, layer: str) -> bool:
        if layer in (INPUT, LOGITS):
            return layer in self.store.edges
        return any(stored.name == layer and stored.kept for stored in self.store.layers)

    def _holds_pooled(self, layer: str) -> bool:
        return self._holds(layer) or any(
            stored.name == layer and stored.pooled for stored in self.store.layers
        )


def _part_of_key(source: Source, variable: str) -> str | None:
    if source.key:
        return source.key
    # two ways lead from a spatial layer to vectors, with different numbers
    return "pooled" if variable == "embedding" and source.kind in ("pooled", "model mean") else None


def _name(request: Request) -> str:
    return request.analysis.rpartition(":")[2]
