"""A model that is opened when it is first used: a page over a run needs to know of the network, not to hold it.

Importing a framework takes seconds and hundreds of megabytes, and single-sample work runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from nnlens.models.base import Float, Framework, LayerInfo, Model, ModelReference, Pass, Seed
from nnlens.models.preprocess import Preprocess
from nnlens.rules import Rule

if TYPE_CHECKING:
    from nnlens.samples.pixels import Images


class LaterModel:
    """Knows what a run tells of its model; opens the file only for `predict`, `activations` and `vjp`.

    Parameters
    ----------
    facts : mapping
        ``model`` of the run's metadata.
    layers : tuple of LayerInfo
        Its graph.
    preprocess : Preprocess
    reference : ModelReference
        The file, whose SHA-256 must be the one in `facts`: `nnlens.models.reopen_model` checks it.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        facts: Mapping[str, Any],
        layers: tuple[LayerInfo, ...],
        preprocess: Preprocess,
        reference: ModelReference,
    ) -> None:
        self.name = str(facts["name"])
        self.framework = cast(Framework, facts["framework"])
        self.layers = layers
        self.class_count = int(facts["class_count"])
        self.fingerprint = str(facts["fingerprint"])
        self.hidden_layer = str(facts["hidden_layer"])
        self.has_logits = bool(facts["has_logits"])
        self.reference: ModelReference | None = reference
        self._file = reference
        self.preprocess = preprocess

    @cached_property
    def opened(self) -> Model:
        """The network itself."""
        from nnlens.models.loading import reopen_model

        return reopen_model(self._file)

    def prepare(self, images: Images) -> Float:
        """Turn images into inputs; see `Model.prepare`."""
        return self.opened.prepare(images)

    def predict(self, inputs: Float) -> Float:
        """Return logits; see `Model.predict`."""
        return self.opened.predict(inputs)

    def activations(
        self, inputs: Float, layers: Sequence[str], pooled: Sequence[str] = (), exact: bool = True
    ) -> dict[str, Float]:
        """Return the outputs of layers; see `Model.activations`."""
        return self.opened.activations(inputs, layers, pooled, exact)

    def vjp(
        self,
        inputs: Float,
        seed: Seed,
        at: str | None = None,
        wrt: Sequence[str] = ("@input",),
        keep: Sequence[str] = (),
        rule: str | Rule = "plain",
    ) -> Pass:
        """Run one forward and one backward pass; see `Model.vjp`."""
        return self.opened.vjp(inputs, seed, at, wrt, keep, rule)

    def randomized(self, layers: Sequence[str] | None = None, seed: int = 0) -> Model:
        """Return a copy with weights drawn anew; see `Model.randomized`."""
        return self.opened.randomized(layers, seed)
