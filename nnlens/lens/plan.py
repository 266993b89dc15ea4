"""What a request stands on: for each variable that is required, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nnlens.analysis import Analysis, Request
from nnlens.registry import PluginInfo

if TYPE_CHECKING:
    from nnlens.store import Store

Kind = Literal[
    "column", "activation", "pixels", "pooled", "layers", "model", "model mean", "model input", "result"
]
"""A column of the samples; a layer in full; pixels as vectors; a layer's mean over space; all layers' means; from the
model; a result."""


@dataclass(frozen=True)
class Source:
    """Where one variable comes from.

    Attributes
    ----------
    kind : str
        See `Kind`.
    key : str or None
        Of the result that holds it.
    plan : Plan or None
        How that result is made where it does not exist.
    """

    kind: Kind
    key: str | None = None
    plan: Plan | None = None


@dataclass(frozen=True)
class Plan:
    """A request with all that it stands on.

    Attributes
    ----------
    request : Request
    cls : type of Analysis
    info : PluginInfo
    sources : mapping of str to Source
        For each required variable.
    key : str
        SHA-256 over everything that the numbers depend on.
    """

    request: Request
    cls: type[Analysis]
    info: PluginInfo
    sources: Mapping[str, Source]
    key: str = field(repr=False)

    @property
    def needs_model(self) -> bool:
        """Whether this itself, without what is run first, calls the model."""
        return self.cls.needs_model or any(
            source.kind.startswith("model") for source in self.sources.values()
        )

    @property
    def first(self) -> list[Plan]:
        """What is run before this, each once."""
        plans = {source.plan.key: source.plan for source in self.sources.values() if source.plan}
        return list(plans.values())

    def walk(self) -> Iterator[Plan]:
        """Yield all that this stands on and then itself, each once and in an order that can be run."""
        seen: set[str] = set()
        for plan in [each for first in self.first for each in first.walk()]:
            if plan.key not in seen:
                seen.add(plan.key)
                yield plan
        yield self


def model_facts(store: Store) -> Mapping[str, Any]:
    """Return what the run knows of its model: name, fingerprint, hidden layer, reference."""
    facts = store.metadata.get("model")
    return facts if isinstance(facts, Mapping) else {}


def model_words(store: Store) -> str:
    """Say how to give the model of a run, naming its file as far as the run knows it."""
    reference = model_facts(store).get("reference")
    source = reference.get("source") if isinstance(reference, Mapping) else None
    name = str(source).replace("\\", "/").rpartition("/")[2] if source else ""
    return f"Lens(run, model=…) or --model, from the file {name}" if name else "Lens(run, model=…) or --model"
